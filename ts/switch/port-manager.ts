import type { Configuration, Row } from '../config/index.js';
import type { Datapath, DatapathPort, PortRequest } from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { OFPP_LOCAL, OFPP_MAX } from '../openflow/index.js';
import { datapathPortName, isTunnelType, type PortNumbers, tunnelOf } from '../bridge/index.js';

/** An interface that the configuration asks for and that could not be had. */
export interface InterfaceError {
  readonly name: string;
  readonly error: Error;
}

/** A port of the datapath that interfaces of the configuration use. Tunnels of a type and UDP port share one. */
interface OpenPort extends DatapathPort {
  users: number;
}

/** Puts the interfaces of configurations into the datapath, and numbers them. */
export class PortManager {
  readonly #datapath: Datapath;
  /** By name in the datapath. */
  readonly #open = new Map<string, OpenPort>();
  /** OpenFlow port numbers by bridge and interface; an interface keeps its number while it is configured. */
  readonly #ofports = new Map<string, Map<string, number>>();

  constructor(datapath: Datapath) {
    this.#datapath = datapath;
  }

  /**
   * Adds the datapath ports that a configuration needs, and counts who uses each; ports of earlier configurations that nobody uses any more go with
   * `closeUnused`. Returns the interfaces that could not be had.
   */
  open(configuration: Configuration): InterfaceError[] {
    for (const port of this.#open.values()) port.users = 0;
    const errors: InterfaceError[] = [];
    for (const row of configuredInterfaces(configuration)) {
      try {
        this.#use(row);
      } catch (error) {
        errors.push({ name: row.text('name'), error: error as Error });
      }
    }
    return errors;
  }

  #use(row: Row): void {
    const request = requestFor(row);
    if (request === null) return;
    const open = this.#open.get(request.name);
    if (open !== undefined && open.type === request.type) {
      open.users++;
      return;
    }
    if (open !== undefined) this.#close(open);
    this.#open.set(request.name, { ...this.#obtain(request), users: 1 });
  }

  /** Adds the port to the datapath, or takes the one that an earlier process left there. */
  #obtain(request: PortRequest): DatapathPort {
    if (this.#datapath.adopted) {
      const left = this.#datapath.ports().find((port) => port.name === request.name);
      if (left?.type === request.type) return left;
    }
    return this.#datapath.addPort(request);
  }

  /** Takes the ports out of the datapath that the last configuration opened does not use. */
  closeUnused(): void {
    for (const port of this.#open.values()) if (port.users === 0) this.#close(port);
  }

  #close(port: OpenPort): void {
    this.#open.delete(port.name);
    this.#datapath.delPort(port.portNo);
  }

  /** The datapath does not have this port any more. */
  forget(portNo: number): void {
    for (const port of this.#open.values()) if (port.portNo === portNo) this.#open.delete(port.name);
  }

  /** The numbers of an interface; null when it is not in the datapath. */
  numbers(row: Row, bridge: string): PortNumbers | null {
    if (row.text('type') === 'patch') {
      return { ofport: this.#ofport(row, bridge), odpPort: -1, ifindex: 0, running: true };
    }
    const request = requestFor(row);
    const port = request === null ? undefined : this.#open.get(request.name);
    if (port === undefined) return null;
    const running =
      isTunnelType(row.text('type')) || (this.#datapath.route.findLink(port.name)?.running ?? false);
    return { ofport: this.#ofport(row, bridge), odpPort: port.portNo, ifindex: port.ifindex, running };
  }

  /** Forgets the OpenFlow numbers of interfaces that a configuration does not have. */
  forgetNumbers(configuration: Configuration): void {
    for (const [bridge, ofports] of this.#ofports) {
      const row = configuration.named('Bridge', bridge);
      const names = new Set(
        row === undefined ? [] : interfacesOf(configuration, row).map((one) => one.text('name')),
      );
      for (const name of ofports.keys()) if (!names.has(name)) ofports.delete(name);
      if (row === undefined) this.#ofports.delete(bridge);
    }
  }

  /** OpenFlow port numbers taken on a bridge. */
  takenOfports(bridge: string): ReadonlySet<number> {
    return new Set(this.#ofports.get(bridge)?.values());
  }

  /** The number asked for if it is free, else the one it has, else the lowest free one. */
  #ofport(row: Row, bridge: string): number {
    const name = row.text('name');
    if (name === bridge) return OFPP_LOCAL;
    const ofports = this.#ofports.get(bridge) ?? new Map<string, number>();
    this.#ofports.set(bridge, ofports);
    const current = ofports.get(name);
    const wanted = row.number('ofport_request');
    const taken = new Set([...ofports].filter(([other]) => other !== name).map(([, ofport]) => ofport));
    const ofport = wanted !== null && !taken.has(wanted) ? wanted : (current ?? lowestFree(taken, bridge));
    ofports.set(name, ofport);
    return ofport;
  }
}

function lowestFree(taken: ReadonlySet<number>, bridge: string): number {
  for (let ofport = 1; ofport < OFPP_MAX; ofport++) if (!taken.has(ofport)) return ofport;
  throw new SlowpathError('ERR_TOO_MANY_PORTS', `bridge ${bridge}: no OpenFlow port number is free`);
}

function interfacesOf(configuration: Configuration, bridge: Row): Row[] {
  return configuration
    .referred(bridge, 'ports')
    .flatMap((port) => configuration.referred(port, 'interfaces'));
}

/** All interfaces, those that ask for a number before the others, which get what is left. */
function configuredInterfaces(configuration: Configuration): Row[] {
  return configuration.rows('Bridge').flatMap((bridge) => interfacesOf(configuration, bridge));
}

/** The datapath port that an interface needs; null for none. Throws for types that the datapath cannot have. */
function requestFor(row: Row): PortRequest | null {
  const name = row.text('name');
  const type = row.text('type');
  if (type === 'patch') return null;
  if (type === '' || type === 'system') return { name, type: 'system' };
  if (type === 'internal') return { name, type: 'internal' };
  if (type === 'vxlan' || type === 'geneve' || type === 'gre') {
    const { dstPort } = tunnelOf(row, type);
    return { name: datapathPortName(row) ?? name, type, ...(dstPort === 0 ? {} : { dstPort }) };
  }
  throw new SlowpathError(
    'ERR_PORT_UNSUITABLE',
    `interface ${name}: type ${type} is not known: expected system, internal, patch, vxlan, geneve or gre`,
  );
}
