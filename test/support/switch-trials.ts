import { expect } from 'chai';
import type { UpcallCounters, UpcallObserver } from '../../ts/upcall/index.js';
import { formatActions, formatFlowRow } from '../../ts/flow/index.js';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { parseFlows } from '../../ts/openflow/index.js';
import { eventually } from './eventually.js';
import { mac } from './frames.js';
import { describeSwitch, type RunningSwitch, type SwitchRig } from './switch-rig.js';
import { command } from './processes.js';
import { datapathType } from './test-datapath.js';
import { Capture, sendFrames } from './traffic.js';

/** Source address of a trial's frames as they are written down; each trial puts one of its own in its place. */
export const TRIAL_MAC = '02:00:00:00:00:0a';

/** What becomes of one frame that comes in by port 1. */
export interface Trial {
  readonly name: string;
  /** Actions of the flow that the frame hits, in ovs-ofctl syntax; port 2 is where the frame is looked for. */
  readonly actions: string;
  /** More flows, of tables other than 0. */
  readonly flows?: string;
  /** More of the match, for actions with prerequisites (`udp`). */
  readonly match?: string;
  readonly frame: Buffer;
  /** Frames that leave by port 2, in order. */
  readonly out: readonly Buffer[];
  /** The datapath's actions; what it must be that does the work. */
  readonly datapath?: RegExp;
  /** Each packet needs userspace. Default false: the second passes by the datapath's flow. */
  readonly slow?: boolean;
}

/** Counters that stay as they are while all goes well. */
const FAILURES = [
  'bad_no_cookie',
  'bad_cookie_size',
  'bad_cookie_type',
  'bad_key',
  'xlate_errors',
  'install_failures',
  'execute_failures',
  'send_failures',
  'oversized',
] as const;

/** What went wrong in the slow path since `before`; empty when nothing did. */
export function failures(counters: Readonly<UpcallCounters>, before?: Readonly<UpcallCounters>): string[] {
  return FAILURES.filter((name) => counters[name] > (before?.[name] ?? 0));
}

const hex = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString('hex'));

/** Puts a trial's own source address into a frame in the place of TRIAL_MAC, wherever it stands. */
function readdress(frame: Buffer, address: Buffer): Buffer {
  const out = Buffer.from(frame);
  const wanted = mac(TRIAL_MAC);
  for (let at = out.indexOf(wanted); at >= 0; at = out.indexOf(wanted, at)) address.copy(out, at);
  return out;
}

/** What the kernel's module says of requests that it refuses. */
function kernelComplaints(): string {
  if (datapathType !== 'system') return '';
  const lines = command('dmesg', []).split('\n');
  return lines
    .filter((line) => line.includes('openvswitch: '))
    .slice(-5)
    .join('\n');
}

class TrialRunner {
  readonly #rig: SwitchRig;
  readonly #running: RunningSwitch;
  #capture: Capture | undefined;
  #count = 0;
  /** Masks and actions of the trial's upcalls. */
  #translated: string[] = [];

  constructor(rig: SwitchRig) {
    this.#rig = rig;
    this.#running = rig.open({
      bridge: { failMode: 'secure' },
      observer: { upcall: (...args) => this.#observe(...args) },
    });
    // Without this only one tag of a packet is looked at, as in OVS.
    this.#running.theSwitch.vsctl(['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=2']);
  }

  #observe(...[, , , translation]: Parameters<UpcallObserver['upcall']>): void {
    if (translation === null) return;
    const actions = formatActions(translation.actions.subarray(0, translation.actionsLength));
    this.#translated.push(`${formatFlowRow(translation.mask)} actions=${actions}`);
  }

  /**
   * Sends the frame twice, so that first the slow path executes the actions and then the datapath's flow has them, and looks at
   * what comes out, at the flow and at the counters of failures.
   */
  async run(trial: Trial): Promise<void> {
    const { theSwitch, bridge } = this.#running;
    this.#capture ??= await Capture.start(this.#rig.hosts[1].namespace, 'eth0', 1000, 600_000);
    const address = Buffer.from([2, 0, 0, 1, 0, ++this.#count]);
    const source = [...address].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const match = ['in_port=1', `dl_src=${source}`, ...(trial.match ? [trial.match] : [])].join(',');
    // Of OpenFlow 1.0 there is no set_field with masks, and one tag only.
    const flows = `${match} actions=${trial.actions}\n${trial.flows ?? ''}`;
    theSwitch.applyFlows(bridge, parseFlows(flows, { portNames: bridge.portNames(), version: 'OpenFlow15' }));
    this.#translated = [];
    const before = { ...theSwitch.stats().upcall };
    const out = hex(trial.out.map((frame) => readdress(frame, address)));
    for (const way of ['executed', 'by the flow']) {
      sendFrames(this.#rig.hosts[0].namespace, 'eth0', [readdress(trial.frame, address)]);
      const frames = await this.#capture.take(out.length);
      const lines = hex(frames).join('\n');
      if (lines !== out.join('\n')) await this.#explain(way, source, lines, out.join('\n'));
      if (way === 'executed')
        await eventually('a flow', () => theSwitch.stats().upcall.upcalls > before.upcalls);
    }
    const lines = (await dumpFlowLines(theSwitch.datapath)).filter((line) => line.includes(`src=${source}`));
    if (trial.datapath) expect(trial.datapath.test(lines.join('\n')), lines.join('\n')).to.equal(true);
    if (trial.slow) expect(lines.join('\n')).to.match(/slow_path/);
    expect(failures(theSwitch.stats().upcall, before), lines.join('\n')).to.deep.equal([]);
  }

  async #explain(way: string, source: string, got: string, wanted: string): Promise<void> {
    const { theSwitch } = this.#running;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const lines = (await dumpFlowLines(theSwitch.datapath)).filter((line) => line.includes(`src=${source}`));
    expect.fail(
      [
        ...[`${way}:`, ...lines, `failed: ${failures(theSwitch.stats().upcall)}`],
        ...['translated', ...this.#translated, kernelComplaints(), 'got', got, 'wanted', wanted],
      ].join('\n'),
    );
  }

  async stop(): Promise<void> {
    await this.#capture?.stop();
  }
}

/** A suite of trials on one switch, on the datapath that SLOWPATH_TEST_DATAPATH names. Each is a test. */
export function describeTrials(title: string, trials: readonly Trial[]): void {
  describeSwitch(
    title,
    (rig) => {
      let runner: TrialRunner | undefined;
      after(() => runner?.stop());
      for (const trial of trials) {
        it(trial.name, async () => {
          runner ??= new TrialRunner(rig());
          await runner.run(trial);
        });
      }
    },
    { hosts: 2, keepOpen: true },
  );
}
