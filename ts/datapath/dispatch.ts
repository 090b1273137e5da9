import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { DatapathClient, VportClient } from '../ovs/index.js';
import { type DispatchMode, PER_CPU_PID } from './types.js';

/** Who gets the upcalls of a datapath, in either mode of dispatch. */
export class Dispatch {
  readonly mode: DispatchMode;
  readonly #cpus: number;
  #pids: readonly number[] = [];

  constructor(mode: DispatchMode, cpus: number) {
    this.mode = mode;
    this.#cpus = cpus;
  }

  /**
   * The upcall port ids that port `portNo` is to be made with. Per vport: all handlers, from another one on for each port,
   * so that when there are more than the datapath takes (one for each CPU) none is left idle. Per CPU: none, as the datapath
   * insists.
   */
  portPids(portNo: number): number[] {
    const n = this.#pids.length;
    if (this.mode === 'per-cpu' || n === 0) return [0];
    return Array.from({ length: Math.min(n, this.#cpus) }, (_, i) => this.#pids[(portNo + i) % n]);
  }

  /** The port id for userspace actions of flows from port `portNo`; 0 when there is no handler. */
  upcallPid(portNo: number): number {
    if (this.mode === 'per-cpu') return PER_CPU_PID;
    const n = this.#pids.length;
    return n === 0 ? 0 : this.#pids[portNo % n];
  }

  /** Tells the datapath, for all ports that it has. */
  apply(
    pids: readonly number[],
    dpIfindex: number,
    features: number,
    datapaths: DatapathClient,
    vports: VportClient,
  ): void {
    this.#pids = [...pids];
    if (this.mode === 'per-cpu') {
      const n = pids.length;
      const perCpuPids = Array.from({ length: this.#cpus }, (_, cpu) => (n === 0 ? 0 : pids[cpu % n]));
      datapaths.set(dpIfindex, { userFeatures: features, perCpuPids });
      return;
    }
    for (const { portNo } of vports.list()) vports.setUpcallPids(portNo, this.portPids(portNo));
  }
}

/** CPUs that the kernel may ever bring up, which is how many port ids it wants to be told. */
export function possibleCpus(path = '/sys/devices/system/cpu/possible'): number {
  try {
    // "0-7" or "0,2-3": the highest number counts, for the table is indexed by CPU number.
    const highest = /(\d+)\s*$/.exec(readFileSync(path, 'utf8'));
    if (highest !== null) return Number(highest[1]) + 1;
  } catch {
    // No sysfs in this container: the CPUs that are there must do; the datapath wraps around for others.
  }
  return availableParallelism();
}
