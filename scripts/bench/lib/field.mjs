// The field that both switches play on: two veth pairs in this network namespace. The switch holds one end of each, the
// traffic tool the other.
import { ip } from './processes.mjs';

export const SWITCH_PORTS = ['sp-bench-a', 'sp-bench-b'];
export const TRAFFIC_IN = 'sp-bench-x';
export const TRAFFIC_OUT = 'sp-bench-y';

/** Rule of the upcall benchmarks: one megaflow for each 5-tuple, all under one mask. */
export const ONE_FLOW_EACH =
  'udp,in_port=1 actions=multipath(symmetric_l3l4+udp,0,modulo_n,1024,0,NXM_NX_REG0[0..15]),output:2';

export function layOut() {
  for (const [port, end] of [
    [SWITCH_PORTS[0], TRAFFIC_IN],
    [SWITCH_PORTS[1], TRAFFIC_OUT],
  ]) {
    ip('link', 'add', port, 'type', 'veth', 'peer', 'name', end);
    // Nobody but the traffic tool speaks on these wires: no IPv6 neighbours, no addresses.
    for (const device of [port, end]) {
      ip('link', 'set', device, 'addrgenmode', 'none');
      ip('link', 'set', device, 'up');
    }
  }
}

export function clear() {
  for (const port of SWITCH_PORTS) ip('link', 'delete', port);
}
