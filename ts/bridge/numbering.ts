import type { Configuration, Row } from '../config/index.js';
import { OFPP_LOCAL, OFPP_MAX } from '../openflow/index.js';
import type { XTunnel } from '../xlate/index.js';
import type { PortNumbers } from './bridge.js';
import { isTunnelType, tunnelOf } from './tunnel.js';

/** Where the local ports of bridges begin, in the datapath. */
const BRIDGES_FROM = 100;

/**
 * Numbers for the ports of a configuration without a datapath, by interface name. OpenFlow numbers are those asked for
 * (ofport_request), else the lowest free ones; datapath numbers are chosen as OVS's dummy datapath does, which takes
 * those in the ports' names.
 */
export function numberPorts(configuration: Configuration): Map<string, PortNumbers> {
  const numbers = new Map<string, PortNumbers>();
  const datapath = new DatapathNumbers();
  for (const bridge of configuration.rows('Bridge')) {
    const interfaces = configuration
      .referred(bridge, 'ports')
      .flatMap((port) => configuration.referred(port, 'interfaces'))
      .sort((a, b) => a.text('name').localeCompare(b.text('name'), 'en', { numeric: true }));
    const ofports = new Set<number>(interfaces.flatMap((row) => row.number('ofport_request') ?? []));
    const taken = new Set<number>();
    for (const row of interfaces) {
      const ofport = ofportOf(row, bridge, ofports, taken);
      taken.add(ofport);
      numbers.set(row.text('name'), { ofport, odpPort: datapath.numberFor(row), ifindex: 0, running: true });
    }
  }
  return numbers;
}

function ofportOf(row: Row, bridge: Row, requested: ReadonlySet<number>, taken: ReadonlySet<number>): number {
  if (row.text('name') === bridge.text('name')) return OFPP_LOCAL;
  const asked = row.number('ofport_request');
  if (asked !== null && !taken.has(asked)) return asked;
  for (let ofport = 1; ofport < OFPP_MAX; ofport++) {
    if (!taken.has(ofport) && !requested.has(ofport)) return ofport;
  }
  return OFPP_MAX - 1;
}

/** Name of the datapath's port for a tunnel, one for all tunnels of a type and UDP port; null for other interfaces. */
export function datapathPortName(row: Row): string | null {
  const type = row.text('type');
  if (!isTunnelType(type)) return null;
  return tunnelVportName(tunnelOf(row, type));
}

/** As datapathPortName. */
export function tunnelVportName({ type, dstPort }: Pick<XTunnel, 'type' | 'dstPort'>): string {
  const names: Readonly<Record<string, string>> = { geneve: 'genev', ip6gre: 'gre', ip6erspan: 'erspan' };
  const base = Object.hasOwn(names, type) ? names[type] : type;
  return dstPort === 0 ? `${base}_sys` : `${base}_sys_${dstPort}`;
}

class DatapathNumbers {
  readonly #taken = new Set<number>([0]);
  readonly #tunnels = new Map<string, number>();

  numberFor(row: Row): number {
    if (row.text('type') === 'patch') return -1;
    const tunnel = datapathPortName(row);
    if (tunnel === null) return this.#choose(row.text('name'));
    const known = this.#tunnels.get(tunnel) ?? this.#choose(tunnel);
    this.#tunnels.set(tunnel, known);
    return known;
  }

  #choose(name: string): number {
    const digits = /\d+/.exec(name);
    let number = digits === null ? 0 : Number(digits[0]) + (name.startsWith('br') ? BRIDGES_FROM : 0);
    if (number <= 0 || number > 0xffff || this.#taken.has(number)) {
      number = 1;
      while (this.#taken.has(number)) number++;
    }
    this.#taken.add(number);
    return number;
  }
}
