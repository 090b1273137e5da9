import { SlowpathError } from '../errors/index.js';
import type {
  BondOptions,
  BridgeOptions,
  CollectorSetOptions,
  IpfixOptions,
  MirrorOptions,
  NetflowOptions,
  PortOptions,
  SflowOptions,
  VlanOptions,
} from './options.js';

type Value = string | number | bigint | boolean | readonly (string | number)[] | undefined;

/** A value as ovs-vsctl reads it; strings in quotation marks, so that nothing in them has a meaning. */
function word(value: Exclude<Value, undefined>): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return `[${value.map(word).join(',')}]`;
  return String(value);
}

/** `column=value` for each column that has one; an empty list is none. */
function settings(columns: Readonly<Record<string, Value>>): string[] {
  return Object.entries(columns).flatMap(([column, value]) =>
    value === undefined || (Array.isArray(value) && value.length === 0) ? [] : [`${column}=${word(value)}`],
  );
}

/** `-- set TABLE NAME column=value …`; nothing without columns. */
function set(table: string, name: string, columns: Readonly<Record<string, Value>>): string[] {
  const words = settings(columns);
  return words.length === 0 ? [] : ['--', 'set', table, name, ...words];
}

/** The ovs-vsctl words that add a bridge with these options. */
export function bridgeWords(name: string, options: BridgeOptions): string[] {
  return [
    'add-br',
    name,
    ...set('Bridge', name, {
      fail_mode: options.failMode,
      'other_config:mac-aging-time': options.macAgingTime,
      'other_config:mac-table-size': options.macTableSize,
    }),
  ];
}

function vlanColumns(options: VlanOptions): Readonly<Record<string, Value>> {
  const { vlanMode, tag, trunks, cvlans, qinqEthtype, priorityTags } = options;
  return {
    vlan_mode: vlanMode,
    tag,
    trunks,
    cvlans,
    'other_config:qinq-ethtype': qinqEthtype,
    'other_config:priority-tags': priorityTags,
  };
}

function interfaceColumns(options: PortOptions): Readonly<Record<string, Value>> {
  const { type, ofport: ofport_request } = options;
  switch (type) {
    case undefined:
    case 'system':
      return { ofport_request };
    case 'internal':
      return { type, ofport_request };
    case 'patch':
      return { type, ofport_request, 'options:peer': options.peer };
    default: {
      const { remoteIp, localIp, key, dstPort, options: others = {} } = options;
      return {
        type,
        ofport_request,
        'options:remote_ip': remoteIp,
        'options:local_ip': localIp,
        'options:key': key === undefined ? undefined : String(key),
        'options:dst_port': dstPort === undefined ? undefined : String(dstPort),
        ...Object.fromEntries(
          Object.entries(others).map(([name, value]) => [`options:${name}`, String(value)]),
        ),
      };
    }
  }
}

/** The ovs-vsctl words that add a port to a bridge. */
export function portWords(bridge: string, options: PortOptions): string[] {
  const { name } = options;
  return [
    'add-port',
    bridge,
    name,
    ...settings(vlanColumns(options)),
    ...set('Interface', name, interfaceColumns(options)),
  ];
}

/** The ovs-vsctl words that add a bond to a bridge. */
export function bondWords(bridge: string, options: BondOptions): string[] {
  return [
    'add-bond',
    bridge,
    options.name,
    ...options.members,
    ...settings({
      ...vlanColumns(options),
      bond_mode: options.mode,
      bond_updelay: options.upDelay,
      bond_downdelay: options.downDelay,
      'other_config:bond-primary': options.primary,
      'other_config:bond-rebalance-interval': options.rebalanceInterval,
      'other_config:bond-hash-basis': options.hashBasis,
      lacp: options.lacp,
      'other_config:lacp-time': options.lacpTime,
      'other_config:lacp-fallback-ab': options.lacpFallback,
    }),
  ];
}

/** The ovs-vsctl words that add a mirror to a bridge. Throws ERR_CONFIG_VALUE when copies have no or two ways to go. */
export function mirrorWords(bridge: string, options: MirrorOptions): string[] {
  const { name, selectAll, selectSrcPorts, selectDstPorts, selectVlans, outputPort, outputVlan, snaplen } =
    options;
  if ((outputPort === undefined) === (outputVlan === undefined)) {
    throw new SlowpathError('ERR_CONFIG_VALUE', `mirror ${name}: give one of outputPort and outputVlan`);
  }
  // As ovs-vsctl has it: ports are looked up first, and referred to by what was found.
  const named = [
    ...(selectSrcPorts ?? []),
    ...(selectDstPorts ?? []),
    ...(outputPort === undefined ? [] : [outputPort]),
  ];
  const ports = [...new Set(named)];
  const reference = (port: string) => `@p${ports.indexOf(port)}`;
  const columns = {
    name,
    select_all: selectAll,
    select_src_port: selectSrcPorts?.map(reference),
    select_dst_port: selectDstPorts?.map(reference),
    select_vlan: selectVlans,
    output_port: outputPort === undefined ? undefined : reference(outputPort),
    output_vlan: outputVlan,
    snaplen,
  };
  return [
    ...ports.flatMap((port) => [`--id=${reference(port)}`, 'get', 'Port', port, '--']),
    ...['--id=@m', 'create', 'Mirror', ...settings(columns)],
    ...['--', 'add', 'Bridge', bridge, 'mirrors', '@m'],
  ];
}

/** The ovs-vsctl words that give a bridge the exporter of one of its columns, or take it away. */
function exporterWords(
  bridge: string,
  table: string,
  columns: Readonly<Record<string, Value>> | null,
): string[] {
  const column = table.toLowerCase();
  if (columns === null) return ['clear', 'Bridge', bridge, column];
  return [
    ...['--id=@x', 'create', table, ...settings(columns)],
    ...['--', 'set', 'Bridge', bridge, `${column}=@x`],
  ];
}

export function sflowWords(bridge: string, options: SflowOptions | null): string[] {
  if (options === null) return exporterWords(bridge, 'sFlow', null);
  const { tunnelEthernet, ...columns } = options;
  return exporterWords(bridge, 'sFlow', {
    ...columns,
    'external_ids:tunnel-ethernet': tunnelEthernet === undefined ? undefined : String(tunnelEthernet),
  });
}

export function netflowWords(bridge: string, options: NetflowOptions | null): string[] {
  if (options === null) return exporterWords(bridge, 'NetFlow', null);
  return exporterWords(bridge, 'NetFlow', {
    targets: options.targets,
    engine_type: options.engineType,
    engine_id: options.engineId,
    add_id_to_interface: options.addIdToInterface,
    active_timeout: options.activeTimeout,
    'external_ids:version': options.version === undefined ? undefined : String(options.version),
  });
}

export function ipfixWords(bridge: string, options: IpfixOptions | null): string[] {
  return exporterWords(bridge, 'IPFIX', options === null ? null : ipfixColumns(options));
}

function ipfixColumns(options: IpfixOptions): Readonly<Record<string, Value>> {
  const others = Object.entries(options.otherConfig ?? {});
  return {
    targets: options.targets,
    sampling: options.sampling,
    obs_domain_id: options.obsDomainId,
    obs_point_id: options.obsPointId,
    cache_active_timeout: options.cacheActiveTimeout,
    cache_max_flows: options.cacheMaxFlows,
    ...Object.fromEntries(others.map(([name, value]) => [`other_config:${name}`, String(value)])),
  };
}

/** The ovs-vsctl words that make, change or (null) destroy a collector set of a bridge; `known` is the UUID of the one that there is. */
export function collectorSetWords(
  bridge: string,
  id: number,
  known: string | undefined,
  options: CollectorSetOptions | null,
): string[] {
  const table = 'Flow_Sample_Collector_Set';
  if (options === null) return known === undefined ? [] : ['destroy', table, known];
  const { targets, localGroupId } = options;
  const create =
    targets === undefined
      ? []
      : ['--id=@x', 'create', 'IPFIX', ...settings(ipfixColumns({ ...options, targets })), '--'];
  const columns = [`ipfix=${targets === undefined ? '[]' : '@x'}`, `local_group_id=${localGroupId ?? '[]'}`];
  if (known !== undefined) return [...create, 'set', table, known, ...columns];
  return [
    ...[...create, '--id=@b', 'get', 'Bridge', bridge, '--'],
    ...['create', table, `id=${id}`, 'bridge=@b', ...columns],
  ];
}
