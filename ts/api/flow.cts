/** `slowpath/flow` for CommonJS. */
import api = require('./flow.js');
export = api;
