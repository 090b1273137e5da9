import type { Configuration, Row } from '../config/index.js';
import type { Datapath, DatapathPort, PortRequest } from '../datapath/index.js';
import { SlowpathError } from '../errors/index.js';
import { OFPP_LOCAL, OFPP_MAX } from '../openflow/index.js';
import { datapathPortName, isTunnelType, type PortNumbers, tunnelOf } from '../bridge/index.js';

/** An interface that the configuration asks for and that could not be had, as the column `error` of OVS's Interface tells it. */
export interface InterfaceError {
  readonly name: string;
  /** Code of `error`: ERR_NO_INTERFACE, ERR_PORT_BUSY, ERR_CONFIG_VALUE, …. */
  readonly code: string;
  readonly error: Error;
}

function interfaceError(name: string, error: Error): InterfaceError {
  return { name, code: (error as { code?: string }).code ?? 'ERR_UNKNOWN', error };
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
  /** Interfaces of the last configuration that could not be had, by name. */
  #failed: ReadonlyMap<string, InterfaceError> = new Map();

  constructor(datapath: Datapath) {
    this.#datapath = datapath;
  }

  /**
   * Adds the datapath ports that a configuration needs, and counts who uses each; ports of earlier configurations that nobody uses any more go with
   * `closeUnused`. What could not be had is in `failed`, the rest is there.
   */
  open(configuration: Configuration): void {
    for (const port of this.#open.values()) port.users = 0;
    const failed = new Map<string, InterfaceError>();
    for (const row of configuredInterfaces(configuration)) {
      const name = row.text('name');
      try {
        this.#use(row);
      } catch (error) {
        failed.set(name, interfaceError(name, error as Error));
      }
    }
    this.#failed = failed;
    this.#assignOfports(configuration);
  }

  /** Interfaces of the last configuration that could not be had, by name. */
  get failed(): ReadonlyMap<string, InterfaceError> {
    return this.#failed;
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

  /** Takes the ports out of the datapath that the last configuration opened does not use. Whether there were any. */
  closeUnused(): boolean {
    const unused = [...this.#open.values()].filter((port) => port.users === 0);
    for (const port of unused) this.#close(port);
    return unused.length > 0;
  }

  #close(port: OpenPort): void {
    this.#open.delete(port.name);
    this.#datapath.delPort(port.portNo);
  }

  /** The datapath does not have this port any more; the interface that it was for waits for its device. */
  forget(portNo: number, name: string): void {
    for (const port of this.#open.values()) if (port.portNo === portNo) this.#open.delete(port.name);
    const error = new SlowpathError('ERR_NO_INTERFACE', `port ${name} left the datapath`);
    this.#failed = new Map(this.#failed).set(name, interfaceError(name, error));
  }

  /** The numbers of an interface; null when it is not in the datapath. */
  numbers(row: Row, bridge: string): PortNumbers | null {
    const name = row.text('name');
    const ofport = this.#ofports.get(bridge)?.get(name);
    if (this.#failed.has(name) || ofport === undefined) return null;
    if (row.text('type') === 'patch') return { ofport, odpPort: -1, ifindex: 0, running: true };
    const request = requestFor(row);
    const port = request === null ? undefined : this.#open.get(request.name);
    if (port === undefined) return null;
    const running =
      isTunnelType(row.text('type')) || (this.#datapath.route.findLink(port.name)?.running ?? false);
    return { ofport, odpPort: port.portNo, ifindex: port.ifindex, running };
  }

  /** OpenFlow port numbers taken on a bridge. */
  takenOfports(bridge: string): ReadonlySet<number> {
    return new Set(this.#ofports.get(bridge)?.values());
  }

  /** Numbers the interfaces of each bridge; those that are gone lose their numbers. */
  #assignOfports(configuration: Configuration): void {
    const bridges = configuration.rows('Bridge');
    const names = new Set(bridges.map((bridge) => bridge.text('name')));
    for (const bridge of this.#ofports.keys()) if (!names.has(bridge)) this.#ofports.delete(bridge);
    for (const bridge of bridges) {
      const name = bridge.text('name');
      const rows = interfacesOf(configuration, bridge);
      this.#ofports.set(name, assignOfports(rows, this.#ofports.get(name) ?? new Map(), name));
    }
  }
}

/**
 * OpenFlow port numbers of a bridge's interfaces by name. Who asks for a number gets it, also from one who only happens to have it; the first of two
 * who ask for the same one, but who has it keeps it (OVS: bridge_delete_or_reconfigure_ports). Others keep the number they have, or get the lowest
 * free one.
 */
function assignOfports(
  rows: readonly Row[],
  before: ReadonlyMap<string, number>,
  bridge: string,
): Map<string, number> {
  const after = new Map<string, number>();
  const taken = new Set<number>();
  const take = (name: string, ofport: number) => {
    after.set(name, ofport);
    taken.add(ofport);
  };
  const names = rows
    .map((row) => row.text('name'))
    .filter((name) => name !== bridge)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const wanted = new Map(rows.map((row) => [row.text('name'), row.number('ofport_request')]));
  if (rows.length > names.length) after.set(bridge, OFPP_LOCAL);
  for (const name of names)
    if (wanted.get(name) !== null && wanted.get(name) === before.get(name)) take(name, wanted.get(name)!);
  for (const name of names) {
    const ofport = wanted.get(name) ?? null;
    if (ofport !== null && !after.has(name) && !taken.has(ofport)) take(name, ofport);
  }
  for (const name of names) {
    const ofport = before.get(name);
    if (ofport !== undefined && !after.has(name) && !taken.has(ofport)) take(name, ofport);
  }
  for (const name of names) if (!after.has(name)) take(name, lowestFree(taken, bridge));
  return after;
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
