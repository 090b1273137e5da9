import type { PortNumbers } from '../bridge/index.js';
import { configurationFromJson } from '../config/index.js';
import { type BridgeContents, buildSwitch, type FlowText, type TraceSwitch } from './build.js';
import { type OfctlCommand, replaySetup, setUpPorts } from './setup.js';

/** An interface as it stood. */
export interface CaseInterface {
  readonly name: string;
  readonly ofport: number;
  /** null for patch ports. */
  readonly odpPort?: number | null;
  readonly type?: string;
  readonly options?: Readonly<Record<string, string>>;
  /** `down`: no packets leave here. */
  readonly linkState?: string;
}

/** A port as it stood: besides these members columns of OVSDB's Port. */
export interface CaseBridgePort {
  readonly name: string;
  readonly interfaces: readonly CaseInterface[];
  readonly [column: string]: unknown;
}

/** A bridge as it stood when its packets were traced. */
export interface CaseBridge {
  readonly name: string;
  readonly failMode?: string | readonly never[];
  readonly ports: readonly CaseBridgePort[];
  /** As `ovs-ofctl` lists them. */
  readonly flows?: readonly string[];
  readonly groups?: readonly string[];
  readonly meters?: readonly string[];
  /** As `ovs-ofctl dump-tlv-map` prints them: class, type, length, field. */
  readonly tlvMap?: readonly string[];
  readonly other_config?: Readonly<Record<string, string>>;
  readonly mcast_snooping_enable?: boolean;
  /** Columns of OVSDB's Mirror; ports by name, or by a UUID that nothing else names. */
  readonly mirrors?: readonly Readonly<Record<string, string | number | boolean>>[];
  /** As fdb/show and mdb/show print them; ports by OpenFlow number. */
  readonly fdb?: readonly { readonly port: string; readonly vlan: string; readonly mac: string }[];
  readonly mdb?: readonly (readonly string[])[];
}

/** A trace as it was asked for: `argv` are the arguments of ofproto/trace; without them the other members tell the same. */
export interface ArgvTrace {
  readonly argv?: readonly string[];
  readonly bridge?: string | null;
  readonly datapath?: string | null;
  readonly flow?: string;
  readonly packet?: string;
  readonly options?: readonly string[];
}

/** A case that shows its bridges as they stood, instead of how they were configured. */
export interface BridgesCase {
  readonly bridges: readonly CaseBridge[];
  /** Commands of ovs-ofctl that led there. What the bridges do not show is taken from them: port flags, bands of meters, flows. */
  readonly setup?: readonly OfctlCommand[];
  readonly traces: readonly ArgvTrace[];
}

/**
 * Names of a mirror's ports that are given by a UUID, which the case does not resolve. Tests number their ports: the first is
 * selected for what it sends, the second for what it gets, the last is where copies go.
 */
function mirrorRow(mirror: NonNullable<CaseBridge['mirrors']>[number], bridge: CaseBridge): object {
  const names = bridge.ports.map((port) => port.name);
  const numbered = names.filter((name) => name !== bridge.name).sort(byNumber);
  const guesses: Readonly<Record<string, string | undefined>> = {
    output_port: numbered.at(-1),
    select_src_port: numbered[0],
    select_dst_port: numbered[1],
  };
  const resolve = ([key, value]: [string, string | number | boolean]) =>
    Object.hasOwn(guesses, key) && !names.includes(String(value))
      ? [key, guesses[key] ?? value]
      : [key, value];
  return Object.fromEntries(Object.entries(mirror).map(resolve));
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function portRow({ interfaces, ...columns }: CaseBridgePort): object {
  const rows = interfaces.map(({ name, type, options }) => ({
    name,
    ...(type === undefined ? {} : { type }),
    ...(options === undefined ? {} : { options }),
  }));
  return { ...columns, interfaces: rows };
}

function bridgeRow(bridge: CaseBridge): object {
  return {
    name: bridge.name,
    fail_mode: typeof bridge.failMode === 'string' ? bridge.failMode : null,
    ports: bridge.ports.map(portRow),
    mirrors: (bridge.mirrors ?? []).map((mirror) => mirrorRow(mirror, bridge)),
    other_config: bridge.other_config ?? {},
    mcast_snooping_enable: bridge.mcast_snooping_enable ?? false,
  };
}

/** `0xffff 0x1 4 tun_metadata1` as add-tlv-map takes it. */
function tlvEntry(line: string): string {
  const [optionClass, type, length, field] = line.trim().split(/\s+/);
  return `{class=${optionClass},type=${type},len=${length}}->${field}`;
}

function interfacesOf(bridge: CaseBridge): CaseInterface[] {
  return bridge.ports.flatMap((port) => port.interfaces);
}

/** Lists show meters without their bands, which are on lines of their own; to translate, any will do. */
function meterText(text: string): string {
  return /\bbands=\s*$/.test(text) ? `${text.trimEnd()}type=drop,rate=1` : text;
}

function contentsOf(bridge: CaseBridge): BridgeContents {
  const nameOf = (number: string) =>
    number === 'LOCAL'
      ? bridge.name
      : (interfacesOf(bridge).find((port) => String(port.ofport) === number)?.name ?? number);
  // What a switch lists is what came over the wire; only OpenFlow 1.0 has mod_vlan actions there.
  const listed = (text: string): FlowText => ({
    text,
    version: /mod_vlan/.test(text) ? 'OpenFlow10' : 'OpenFlow15',
  });
  return {
    ...(bridge.tlvMap?.length ? { tlvMap: bridge.tlvMap.map(tlvEntry).join(',') } : {}),
    groups: bridge.groups ?? [],
    meters: (bridge.meters ?? []).map(meterText),
    flows: (bridge.flows ?? []).map(listed),
    fdb: (bridge.fdb ?? []).map(({ port, vlan, mac }) => [nameOf(port), Number(vlan), mac]),
    mdb: (bridge.mdb ?? []).map(([port, vlan, group]) => [nameOf(port), Number(vlan), group]),
  };
}

/** The switch of such a case. Throws SlowpathError: ERR_TRACE that names the flow or group, ERR_CONFIG_*. */
export function buildBridgesCase(entry: BridgesCase): TraceSwitch {
  const { bridges, setup = [] } = entry;
  const configuration = configurationFromJson({ bridges: bridges.map(bridgeRow) });
  const numbers = new Map<string, PortNumbers>();
  for (const { name, ofport, odpPort, linkState } of bridges.flatMap(interfacesOf)) {
    numbers.set(name, { ofport, odpPort: odpPort ?? -1, ifindex: 0, running: linkState !== 'down' });
  }
  const built = buildSwitch(configuration, numbers, new Map(bridges.map((b) => [b.name, contentsOf(b)])));
  for (const { name, flows } of bridges) {
    const commands = setup.filter((command) => command.bridge === name);
    const bridge = built.model.bridges.get(name)!;
    setUpPorts(bridge, commands);
    // A list of flows can be missing: ovs-ofctl does not read some actions that it sends.
    if (flows === undefined || flows.length === 0) replaySetup(bridge, commands);
  }
  return built;
}
