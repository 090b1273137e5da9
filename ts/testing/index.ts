export { type CheckOptions, type CheckReport, checkPolicy, UnsoundPolicyError } from './check-policy.js';
