import type { BridgeModel } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import type { RecircIds, Snapshot } from '../xlate/index.js';
import { kernelQueuePriority } from './kernel-queues.js';

/** What translation reads from here on, as `generation`. */
export function makeSnapshot(
  generation: number,
  model: BridgeModel,
  datapath: Datapath,
  recirc: RecircIds,
): Snapshot {
  const { support } = datapath;
  return {
    ...{ generation, support, recirc },
    portsByOdp: model.portsByOdp,
    tunnels: model.tunnelPorts,
    vlanLimit: Math.min(model.vlanLimit, support.maxVlanHeaders),
    queuePriority: kernelQueuePriority,
    upcallPid: (odpPort) => datapath.upcallPid(odpPort),
  };
}
