import type { Context } from 'mocha';

/** True where the machine is ours to use and nothing may be skipped for want of privilege or tools: CI as root. */
export const strict = process.env.CI === 'true' && process.getuid?.() === 0;

/**
 * Goes on when `condition` holds; otherwise skips the test, or the suite when called in a `before` hook, and leaves the
 * reason where the reporter finds it. A skip that nobody can justify must not pass for a success: where `mustHold` says
 * that the condition ought to hold here, an Error is thrown instead.
 */
export function skipUnless(context: Context, condition: boolean, reason: string, mustHold = strict): void {
  if (condition) return;
  if (mustHold) throw new Error(`cannot be skipped here: ${reason}`);
  const running = context.test as Mocha.Runnable & { type: string };
  const owner = running.type === 'hook' ? (context.currentTest ?? running.parent) : running;
  (owner as { skipReason?: string }).skipReason = reason;
  context.skip();
}

/** Skips without the privilege to make network namespaces and open packet sockets. */
export function needsRoot(context: Context): void {
  skipUnless(context, process.getuid?.() === 0, 'needs root (network namespaces, packet sockets)');
}
