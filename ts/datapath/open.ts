import { NetlinkError, SlowpathError } from '../errors/index.js';
import { type Addon, native } from '../native/index.js';
import { checkName, namespacePath, NetlinkClient, needsCapability } from '../netlink/index.js';
import {
  DatapathClient,
  type DatapathInfo,
  type DatapathSupport,
  FlowClient,
  lookupOvsFamilies,
  OVS_DP_F_DISPATCH_UPCALL_PER_CPU,
  OVS_DP_F_UNALIGNED,
  OVS_DP_F_VPORT_PIDS,
  type OvsFamilies,
  probeSupport,
  probeUserFeatures,
  VportClient,
} from '../ovs/index.js';
import { type Connector, EmbeddedConnector, KernelConnector } from './connector.js';
import { Dispatch, possibleCpus } from './dispatch.js';
import { DatapathProvider, type EstablishedDatapath } from './provider.js';
import {
  type Datapath,
  type DatapathOptions,
  type DatapathType,
  DEFAULT_RECEIVE_BUFFER,
  type DispatchMode,
} from './types.js';

/** Of a datapath that is only looked at: nothing is known, nothing is asked of it. */
const UNPROBED: DatapathSupport = {
  ...{ maxVlanHeaders: 0, maxMplsDepth: 0, recirc: false, clone: false, truncate: false, sampleNesting: 0 },
  ...{ ctClear: false, checkPktLen: false, ufid: false, maskedSet: false, setNsh: false, ctState: false },
  ...{ ctStateNat: false, ctZone: false, ctMark: false, ctLabel: false, ctOrigTuple: false },
  ...{ ctOrigTuple6: false, ctTimeout: false, ctZeroSnat: false, ndExtensions: false },
  ...{ explicitDrop: false, lbOutput: false },
  ...{ ctEventmask: false, maxHashAlgorithm: 0, addMpls: false, psample: false },
};

/** Options of a datapath whose type is known. */
export type ProviderOptions = Omit<DatapathOptions, 'type'>;

/**
 * Opens a datapath, makes it if there is none of its name, and finds out what it can do. Errors (SlowpathError codes):
 * ERR_NO_FAMILY (kernel module absent), ERR_NO_CAP_NET_ADMIN, ERR_DATAPATH_BUSY (another process serves it),
 * ERR_NAME_TAKEN (a device has the name), ERR_DISPATCH_UNSUPPORTED, ERR_BAD_INTERFACE_NAME; NetlinkError otherwise.
 */
export function openDatapath(options: DatapathOptions): Datapath {
  return options.type === 'system' ? openKernelDatapath(options) : openEmbeddedDatapath(options);
}

/** The datapath of the kernel's openvswitch module. */
export function openKernelDatapath(options: ProviderOptions = {}, addon: Addon = native()): Datapath {
  const connector = new KernelConnector(addon, namespacePath(options.netns));
  return open(addon, connector, { ...options, type: 'system' }, 'ovs-system');
}

/** The embedded datapath of this process. It needs no kernel module; its ports need CAP_NET_RAW and CAP_NET_ADMIN. */
export function openEmbeddedDatapath(options: ProviderOptions = {}, addon: Addon = native()): Datapath {
  const connector = new EmbeddedConnector(addon, namespacePath(options.netns), options.upcallQueueLength);
  return open(addon, connector, { ...options, type: 'netdev' }, 'ovs-netdev');
}

/**
 * A kernel datapath that somebody else serves, to look at: nothing is made, changed or probed. Close it with `keep`. Errors:
 * ERR_NO_FAMILY, ERR_NO_DATAPATH.
 */
export function inspectDatapath(options: ProviderOptions = {}, addon: Addon = native()): Datapath {
  const { name = 'ovs-system', receiveBuffer = DEFAULT_RECEIVE_BUFFER } = options;
  const connector = new KernelConnector(addon, namespacePath(options.netns));
  let client: NetlinkClient | null = null;
  try {
    checkName(name);
    client = new NetlinkClient(connector.openChannel());
    const families = lookupOvsFamilies(client);
    const datapaths = new DatapathClient(client, families.datapath);
    const { ifindex, userFeatures: features } = datapaths.get(name);
    const dispatch = new Dispatch('per-vport', possibleCpus());
    return new DatapathProvider({
      ...{ type: 'system', name, addon, connector, client, receiveBuffer, establish: null },
      established: { ifindex, features, support: UNPROBED, adopted: true, families, datapaths, dispatch },
    });
  } catch (error) {
    client?.close();
    connector.close();
    if (error instanceof NetlinkError && error.code === 'ENODEV') {
      throw new SlowpathError(
        'ERR_NO_DATAPATH',
        `the kernel has no datapath ${name}: name another with --name`,
        {
          cause: error,
        },
      );
    }
    throw needsCapability(error) ?? error;
  }
}

function open(addon: Addon, connector: Connector, options: DatapathOptions, defaultName: string): Datapath {
  const { type, name = defaultName } = options;
  const { receiveBuffer = DEFAULT_RECEIVE_BUFFER } = options;
  let client: NetlinkClient | null = null;
  try {
    checkName(name);
    client = new NetlinkClient(connector.openChannel());
    const opened = { type, name, addon, connector, client, receiveBuffer };
    const wanted = options.dispatch ?? preferred[type];
    const establish = (): EstablishedDatapath => establishDatapath(opened.client, connector, name, wanted);
    return new DatapathProvider({ ...opened, established: establish(), establish });
  } catch (error) {
    client?.close();
    connector.close();
    throw needsCapability(error) ?? error;
  }
}

/** Finds or makes the datapath of a name and agrees on how to use it. Leaves nothing behind when it fails. */
function establishDatapath(
  client: NetlinkClient,
  connector: Connector,
  name: string,
  wanted: DispatchMode | 'any',
): EstablishedDatapath {
  const families = lookupOvsFamilies(client);
  const datapaths = new DatapathClient(client, families.datapath);
  const { info, adopted } = obtain(datapaths, name, (found) =>
    refuseToShare(found, families, client, connector),
  );
  const { ifindex } = info;
  try {
    const { features, mode } = negotiate(datapaths, info, wanted);
    const dispatch = new Dispatch(mode, possibleCpus());
    const support = probeSupport(new FlowClient(client, families.flow, ifindex));
    // An adopted datapath still names the port ids of the process that left it.
    if (adopted)
      dispatch.apply([], ifindex, features, datapaths, new VportClient(client, families.vport, ifindex));
    return { ifindex, features, support, adopted, families, datapaths, dispatch };
  } catch (error) {
    if (!adopted) datapaths.remove(ifindex);
    throw error;
  }
}

/** The datapath of the name, made if need be. `check` looks at one that was there. */
function obtain(
  datapaths: DatapathClient,
  name: string,
  check: (found: DatapathInfo) => void,
): { info: DatapathInfo; adopted: boolean } {
  try {
    const info = datapaths.get(name);
    check(info);
    return { info, adopted: true };
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error;
  }
  try {
    return { info: datapaths.create(name, 0), adopted: false };
  } catch (error) {
    if (!(error instanceof NetlinkError) || (error.code !== 'EEXIST' && error.code !== 'EBUSY')) throw error;
    throw new SlowpathError(
      'ERR_NAME_TAKEN',
      `cannot make datapath ${name}: a network device of that name exists; choose another name`,
      { cause: error },
    );
  }
}

/** Two processes on one datapath would delete each other's flows: leave one that somebody listens to alone. */
function refuseToShare(
  found: DatapathInfo,
  families: OvsFamilies,
  client: NetlinkClient,
  connector: Connector,
): void {
  const vports = new VportClient(client, families.vport, found.ifindex);
  const pids = vports.list().flatMap((vport) => vport.upcallPids);
  const live = connector.liveAmong([...found.perCpuPids, ...pids]);
  if (live.length === 0) return;
  throw new SlowpathError(
    'ERR_DATAPATH_BUSY',
    `datapath ${found.name} is in use by another process (netlink port id ${live[0]} receives its upcalls): ` +
      'stop that process (ovs-vswitchd?) or choose another datapath name',
  );
}

/**
 * Modes of dispatch to try, in order. Whoever opens a kernel datapath with OVS's tools, be it for `ovs-dpctl show`, turns its
 * per-CPU dispatch on, and upcalls of a datapath that has port ids for its ports alone are lost from then on. So per-CPU
 * dispatch comes first there.
 */
const preferred: Readonly<Record<DatapathType, DispatchMode | 'any'>> = {
  system: 'any',
  netdev: 'per-vport',
};

/** Agrees on the user features that the mode of dispatch needs; 'any': per-cpu where there is, else per-vport. */
function negotiate(
  datapaths: DatapathClient,
  { ifindex, name }: DatapathInfo,
  wanted: DispatchMode | 'any',
): { features: number; mode: DispatchMode } {
  const perCpu = OVS_DP_F_DISPATCH_UPCALL_PER_CPU;
  if (wanted !== 'per-vport') {
    const features = probeUserFeatures(datapaths, ifindex, OVS_DP_F_UNALIGNED | perCpu);
    if ((features & perCpu) !== 0) return { features, mode: 'per-cpu' };
    if (wanted === 'per-cpu') {
      throw new SlowpathError(
        'ERR_DISPATCH_UNSUPPORTED',
        `datapath ${name} has no per-cpu dispatch (Linux 5.15 and later have): use per-vport`,
      );
    }
  }
  const features = probeUserFeatures(datapaths, ifindex, OVS_DP_F_UNALIGNED | OVS_DP_F_VPORT_PIDS);
  return { features, mode: 'per-vport' };
}
