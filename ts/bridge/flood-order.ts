import { hash2Words } from '../xlate/index.js';

/** Number of chains for `count` ports: a power of two, at least four (OVS: hmap's calc_mask). */
function chainsFor(count: number): number {
  let chains = 4;
  while (chains <= count >> 1) chains *= 2;
  return chains;
}

/**
 * The order in which FLOOD and ALL go through a bridge's ports, given those of one bundle after the other. OVS walks the hash table that it
 * finds ports by: chain by chain, in each the port added last first; the table grows when there are two ports to a chain, and growing turns
 * chains over. It makes the table anew with every change, from the list of bundles, so that nothing but that list decides.
 *
 * Cost: linear, when ports change.
 */
export function floodOrder<P extends { readonly ofport: number }>(ports: readonly P[]): P[] {
  let chains: P[][] = [[]];
  let count = 0;
  const put = (port: P) => chains[hash2Words(port.ofport, 0) & (chains.length - 1)].unshift(port);
  for (const port of ports) {
    put(port);
    count++;
    if (count >> 1 < chains.length) continue;
    const before = chains.flat();
    chains = Array.from({ length: chainsFor(count) }, () => []);
    before.forEach(put);
  }
  return chains.flat();
}
