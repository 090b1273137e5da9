import { constants } from 'node:os';

// Error numbers that Linux keeps to itself, out of <errno.h>, but lets through to netlink: <linux/errno.h>.
const kernelOnly: Readonly<Record<number, string>> = {
  512: 'ERESTARTSYS',
  517: 'EPROBE_DEFER',
  524: 'ENOTSUPP',
  529: 'EIOCBQUEUED',
};

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
// Aliases share a number: let the usual names win.
names.set(constants.errno.EAGAIN, 'EAGAIN');
names.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP');

/** Name of a positive error number, such as 'ENODEV'; 'E<number>' when it has none. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? kernelOnly[errno] ?? `E${errno}`;
}
