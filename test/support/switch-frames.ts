import { type GroupCommand, parseGroupMod } from '../../ts/openflow/index.js';
import { udpFrame } from './frames.js';
import type { OpenOptions, RunningSwitch, SwitchRig } from './switch-rig.js';
import { Capture, sendFrames } from './traffic.js';

/** How long frames are waited for that must come. */
const PATIENCE_MS = 30_000;

/** Opens a switch that does nothing but what these flows say. */
export function openWith(rig: SwitchRig, flows: string, options: OpenOptions = {}): RunningSwitch {
  const running = rig.open({ bridge: { failMode: 'secure' }, ...options });
  if (flows !== '') running.theSwitch.addFlows(running.bridge, flows);
  return running;
}

/** Changes the groups of br0; a line each, as for ovs-ofctl. */
export function changeGroups(
  { theSwitch, bridge }: RunningSwitch,
  command: GroupCommand,
  text: string,
): void {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const mods = lines.map((line) => parseGroupMod(line.trim(), command, { portNames: bridge.portNames() }));
  theSwitch.changeGroups(bridge, mods);
}

/** Sends frames from one host, `expected` of which each host is to get (host 1 first); what each got. */
export async function deliver(
  rig: SwitchRig,
  from: number,
  frames: readonly Buffer[],
  expected: readonly number[],
): Promise<Buffer[][]> {
  const { hosts } = rig;
  const most = Math.max(...expected) * 2 + frames.length * 4 + 8;
  const heard = await Promise.all(
    expected.map((_, i) => Capture.start(hosts[i].namespace, 'eth0', most, 2 * PATIENCE_MS)),
  );
  sendFrames(hosts[from - 1].namespace, 'eth0', frames);
  return Promise.all(heard.map((one, i) => one.settled(expected[i], PATIENCE_MS)));
}

/** The same, and only how many each got. */
export async function counted(
  rig: SwitchRig,
  from: number,
  frames: readonly Buffer[],
  expected: readonly number[],
): Promise<number[]> {
  return (await deliver(rig, from, frames, expected)).map((got) => got.length);
}

/** UDP frames of different connections: source ports from 1000 on. */
export function connections(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => udpFrame(1000 + i));
}

/** UDP source ports of frames, in order of number. */
export function sourcePorts(frames: readonly Buffer[]): number[] {
  return frames.map((frame) => frame.readUInt16BE(34)).sort((a, b) => a - b);
}

/**
 * Sends connections from host 1 twice, all of which hosts 2 and 3 must get between them: both some, and each connection twice at the same
 * one. The connections of host 2.
 */
export async function spread(rig: SwitchRig, frames: readonly Buffer[]): Promise<number[]> {
  const { hosts } = rig;
  const heard = await Promise.all(
    [1, 2].map((i) => Capture.start(hosts[i].namespace, 'eth0', 4 * frames.length, 2 * PATIENCE_MS)),
  );
  sendFrames(hosts[0].namespace, 'eth0', frames);
  await new Promise((resolve) => setTimeout(resolve, 500));
  sendFrames(hosts[0].namespace, 'eth0', frames);
  const end = performance.now() + PATIENCE_MS;
  while (heard.reduce((sum, one) => sum + one.count, 0) < 2 * frames.length && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [two, three] = await Promise.all(heard.map(async (one) => sourcePorts(await one.settled(0))));
  const wanted = sourcePorts([...frames, ...frames]);
  const all = [...two, ...three].sort((a, b) => a - b);
  if (all.join() !== wanted.join()) throw new Error(`sent ${wanted.join()}, came ${all.join()}`);
  for (const got of [two, three]) {
    if (got.length === 0) throw new Error('all connections went one way');
    if (got.some((port, i) => port !== got[i ^ 1])) throw new Error(`not twice the same: ${got.join()}`);
  }
  return two;
}
