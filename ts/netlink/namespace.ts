/** Path of a network namespace that is given by name (as `ip netns` knows it), path or open file descriptor; undefined for that of the process. */
export function namespacePath(netns: string | number | undefined): string | undefined {
  if (netns === undefined) return undefined;
  if (typeof netns === 'number') return `/proc/self/fd/${netns}`;
  return netns.includes('/') ? netns : `/run/netns/${netns}`;
}
