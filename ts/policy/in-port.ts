import { SlowpathError } from '../errors/index.js';
import { OFPP_NONE, type TlvMap } from '../openflow/index.js';
import type { PolicyBridge } from '../xlate/index.js';
import { NumberField } from './fields.js';

/** A port as policies name it: by name, by OpenFlow port number, or the port itself. */
export type PortRef = string | number | { readonly ofport: number };

/** What of a bridge policies name: its ports, looked through again when the bridge has others, and the options of tunnels. */
export class PortNames {
  #bridge: PolicyBridge | null = null;
  #list: PolicyBridge['portList'] = [];
  /** Made anew when ports change, so that others see that they did. */
  #byName = new Map<string, number>();

  use(bridge: PolicyBridge): void {
    if (this.#bridge === bridge && this.#list === bridge.portList) return;
    this.#bridge = bridge;
    this.#list = bridge.portList;
    this.#byName = new Map(bridge.portList.map(({ name, ofport }) => [name, ofport]));
  }

  /** The options of tunnels that the bridge knows by number; undefined for none. */
  get tlvMap(): TlvMap | undefined {
    return this.#bridge?.tlvMap;
  }

  /** OpenFlow port number. Throws ERR_NO_PORT for a name that no port has. */
  resolve(port: PortRef): number {
    if (typeof port === 'number') return port;
    if (typeof port !== 'string') return port.ofport;
    const ofport = this.#byName.get(port);
    if (ofport === undefined)
      throw new SlowpathError(
        'ERR_NO_PORT',
        `bridge ${this.#bridge?.name ?? '?'} has no port called ${port}`,
      );
    return ofport;
  }

  /** Name of a port; undefined when the bridge has none of that number. */
  nameOf(ofport: number): string | undefined {
    return this.#bridge?.ports.get(ofport)?.name;
  }

  /** Number of a port by name; OFPP_NONE when there is none. */
  find(name: string): number {
    return this.#byName.get(name) ?? OFPP_NONE;
  }

  get names(): ReadonlyMap<string, number> {
    return this.#byName;
  }
}

/** The port that the packet came in by. */
export class InPortField extends NumberField {
  /** Set by the owner of the cursor. */
  ports: PortNames | null = null;

  /** Name of the port; undefined when the packet came by no port of the bridge. */
  get portName(): string | undefined {
    return this.ports?.nameOf(this.value ?? OFPP_NONE);
  }

  /** Whether it is this port. A name that no port has is none. */
  is(port: PortRef): boolean {
    const { value } = this;
    if (typeof port !== 'string') return value === (typeof port === 'number' ? port : port.ofport);
    const ofport = this.ports?.find(port) ?? OFPP_NONE;
    return ofport !== OFPP_NONE && value === ofport;
  }
}
