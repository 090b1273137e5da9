import { F_IN_PORT, FLOW_FIELDS, FLOW_WORDS } from '../fields/index.js';
import { SlowpathError } from '../errors/index.js';
import {
  Policy,
  type PolicySource,
  type StateKey,
  type StateTable,
  type StateTables,
  type TableDeclarations,
} from '../policy/index.js';
import { buildCase, formatMegaflow, formatPacket } from '../trace/index.js';
import type { Bridge } from '../bridge/index.js';
import { OFPP_LOCAL, parseFlowKey } from '../openflow/index.js';
import { policyTag, type Snapshot, Trail, type Translation, Translator } from '../xlate/index.js';
import { freeBits, randomPacket, recirculated } from './packets.js';
import { Decision } from './decision.js';
import { Random } from './random.js';
import { WantedValues } from './wanted.js';

/** What the policy is tried in, and how hard. */
export interface CheckOptions<T extends TableDeclarations> {
  /** Different packets to try; 400 by default. Each is tried with every bit changed that its megaflow leaves free. */
  readonly packets?: number;
  /** The same seed tries the same packets. Default 1. */
  readonly seed?: number;
  /** Ports of the bridge, numbered from 1; p1 to p4 by default. */
  readonly ports?: readonly string[];
  /** Table that the policy is in. Default 0. */
  readonly table?: number;
  /** Rules of other tables, groups and meters, in the syntax of ovs-ofctl. */
  readonly flows?: readonly string[];
  readonly groups?: readonly string[];
  readonly meters?: readonly string[];
  /** Geneve options that the bridge knows by number, as `Switch.setTlvMap` takes them; then some packets come out of tunnels. */
  readonly tlvMap?: string;
  /** Packets to try besides, in OpenFlow's words: `in_port=1,tcp,nw_dst=10.0.0.1,tcp_dst=80`. */
  readonly examples?: readonly string[];
  /** Fills the policy's tables. What packets teach is written to them on the way. */
  readonly state?: (tables: StateTables<T>) => void;
  /** The policy may throw. By default that is found fault with. */
  readonly mayThrow?: boolean;
}

/** What was tried. */
export interface CheckReport {
  /** Packets tried, and megaflows that they made. */
  readonly packets: number;
  readonly megaflows: number;
  /** Times that a bit was changed that should not matter. */
  readonly flips: number;
  /** Packets that came again from recirculation. */
  readonly recirculated: number;
  /** Times that an entry of a table was changed that was not read. */
  readonly stateChanges: number;
}

/** A policy that does not decide by what it reads. `message` shows the case. */
export class UnsoundPolicyError extends SlowpathError {
  /** The packet, in OpenFlow's words. */
  readonly packet: string;
  /** What all packets have in common that are to be decided alike. */
  readonly megaflow: string;
  /** What was changed, in words. */
  readonly change: string;
  readonly before: string;
  readonly after: string;

  constructor(name: string, finding: Omit<UnsoundPolicyError, keyof Error | 'code' | 'name'>) {
    const { packet, megaflow, change, before, after } = finding;
    super(
      'ERR_POLICY_UNSOUND',
      [
        `policy ${name} does not decide by what it reads through pkt and state:`,
        `  packet    ${packet}`,
        `  megaflow  ${megaflow}`,
        `  decides   ${before}`,
        `  changed   ${change}`,
        `  decides   ${after}`,
        'All packets of a megaflow must be decided alike, and again alike when they are looked at again: read the packet through pkt, state through',
        'state, and nothing that changes by itself (time, chance, variables outside).',
      ].join('\n'),
    );
    Object.assign(this, finding);
    this.packet = packet;
    this.megaflow = megaflow;
    this.change = change;
    this.before = before;
    this.after = after;
  }
}

const PACKETS = 400;
const PORTS = ['p1', 'p2', 'p3', 'p4'];
/** Both tags of packets that have two are looked at. */
const QINQ = ['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=2', '--'];
/** Milliseconds that an async policy is waited for, for each answer. */
const ANSWER_MS = 5000;
/** Recirculation ids that are followed at most. */
const MAX_RECIRCULATIONS = 256;

/**
 * Tries whether a policy is sound: takes generated packets through it, changes every bit that the megaflow leaves free, one after the other and several
 * at a time, and demands the same decision. Packets are made from those before by changing bits that mattered, so that all branches are come
 * to. Needs neither a datapath nor any privilege. Rejects with UnsoundPolicyError; with ERR_POLICY_THREW when the policy throws.
 */
export async function checkPolicy<T extends TableDeclarations = Readonly<Record<never, never>>>(
  source: PolicySource<T>,
  options: CheckOptions<T> = {},
): Promise<CheckReport> {
  return new Check(source as PolicySource, options as unknown as CheckOptions<TableDeclarations>).run();
}

class Check {
  readonly #options: CheckOptions<TableDeclarations>;
  readonly #random: Random;
  readonly #bridge: Bridge;
  readonly #snapshot: Snapshot;
  readonly #policy: Policy;
  readonly #isLate: boolean;
  /** The packet at hand is not one with bits flipped. */
  #isNew = false;
  readonly #translator = new Translator();
  readonly #trail = new Trail();
  readonly #ports: readonly number[];
  /** Packets to go on from: one for each megaflow. */
  readonly #corpus: Int32Array[] = [];
  readonly #megaflows = new Set<string>();
  /** Recirculation ids given out, and the packets that got them. */
  readonly #recirculations = new Map<number, Int32Array>();
  readonly #followed = new Set<number>();
  readonly #wanted = new WantedValues();
  readonly #report = { packets: 0, megaflows: 0, flips: 0, recirculated: 0, stateChanges: 0 };
  #current: Int32Array = new Int32Array(FLOW_WORDS);

  constructor(source: PolicySource, options: CheckOptions<TableDeclarations>) {
    this.#options = options;
    this.#random = new Random(options.seed ?? 1);
    const names = options.ports ?? PORTS;
    const words = names.flatMap((name, i) => [
      '--',
      'add-port',
      'br0',
      name,
      '--',
      'set',
      'Interface',
      name,
      `ofport_request=${i + 1}`,
    ]);
    const { model, snapshot } = buildCase({
      topology: { vsctl: [...QINQ, 'add-br', 'br0', ...words] },
      ...(options.tlvMap === undefined ? {} : { tlvMap: options.tlvMap }),
      flows: options.flows ?? [],
      groups: options.groups ?? [],
      meters: options.meters ?? [],
      traces: [],
    });
    this.#bridge = model.bridges.get('br0')!;
    this.#snapshot = { ...snapshot, recirc: this.#watchRecirculation(snapshot) };
    this.#policy = this.#attach(source, options.table ?? 0);
    this.#ports = [...names.map((_, i) => i + 1), OFPP_LOCAL];
    this.#isLate = this.#policy.stats.later !== null;
    this.#translator.trail = this.#trail;
    options.state?.(this.#policy.tables as never);
  }

  /** Attaches the policy as a bridge does, to be told besides what it looks for. */
  #attach(source: PolicySource, table: number): Policy {
    const policy = new Policy(source, table, {
      bridge: this.#bridge,
      changed: () => {},
      replaced: () => {},
      detach: () => {},
      warn: () => {},
      onMiss: (word, value, bits) => {
        if (this.#isNew) this.#wanted.add(word, value, bits);
      },
    });
    this.#bridge.policies = new Map([[table, policy]]);
    return policy;
  }

  async run(): Promise<CheckReport> {
    const { packets = PACKETS, examples = [] } = this.#options;
    for (const example of examples)
      await this.#try(parseFlowKey(example, this.#bridge.portNames(), this.#bridge.tlvMap));
    for (let i = 0; i < packets; i++) await this.#try(this.#nextPacket());
    return this.#report;
  }

  #watchRecirculation({ recirc }: Snapshot): Snapshot['recirc'] {
    return {
      lookup: (id) => recirc.lookup(id),
      idFor: (state) => {
        const id = recirc.idFor(state);
        if (!state.isCopy && this.#recirculations.size < MAX_RECIRCULATIONS && !this.#recirculations.has(id))
          this.#recirculations.set(id, this.#current.slice());
        return id;
      },
    };
  }

  /** A packet of any kind, one that was tried with a bit changed that mattered, or one that comes again. */
  #nextPacket(): Int32Array {
    const random = this.#random;
    for (const [id, key] of this.#recirculations) {
      if (this.#followed.has(id)) continue;
      this.#followed.add(id);
      this.#report.recirculated++;
      return recirculated(random, key, id, 0);
    }
    if (this.#corpus.length === 0 || random.once(3))
      return randomPacket(random, this.#ports, this.#bridge.tlvMap);
    const key = random.pick(this.#corpus).slice();
    if (!random.once(4) && this.#wanted.apply(random, key)) return key;
    const { mask } = this.#decideNow(key);
    const mattered = freeBits(key, this.#bridge.tlvMap).filter(
      ([word, bit]) => (mask[word] & (1 << bit)) !== 0,
    );
    if (mattered.length === 0) return randomPacket(random, this.#ports, this.#bridge.tlvMap);
    const [word, bit] = random.pick(mattered);
    key[word] ^= 1 << bit;
    return key;
  }

  async #try(key: Int32Array): Promise<void> {
    const { mayThrow = false } = this.#options;
    this.#report.packets++;
    const before = this.#policy.stats.throws;
    this.#isNew = true;
    const first = this.#keep(await this.#decide(key));
    this.#isNew = false;
    if (!mayThrow && this.#policy.stats.throws > before) throw this.#threw(key);
    const again = await this.#decide(key);
    if (!first.isThatOf(again)) throw this.#unsound(key, first, 'nothing: it was asked a second time', again);
    const megaflow = formatMegaflow(key, first.mask, this.#bridge.tlvMap);
    if (this.#megaflows.has(megaflow)) return;
    this.#megaflows.add(megaflow);
    this.#report.megaflows++;
    this.#corpus.push(key);
    await this.#flipFreeBits(key, first);
    await this.#changeState(key, first);
    for (const effect of first.effects) effect.table.apply(effect);
  }

  /** Changes each bit that should not matter, then several at a time. */
  async #flipFreeBits(key: Int32Array, first: Decision): Promise<void> {
    const free = freeBits(key, this.#bridge.tlvMap).filter(
      ([word, bit]) => (first.mask[word] & (1 << bit)) === 0,
    );
    const packet = key.slice();
    for (const [word, bit] of free) {
      packet[word] ^= 1 << bit;
      await this.#demandSame(key, packet, first, () => describeBits([[word, bit]]));
      packet[word] ^= 1 << bit;
    }
    for (let i = 0; i < 4 && free.length > 1; i++) {
      const some = free.filter(() => this.#random.once(2));
      for (const [word, bit] of some) packet[word] ^= 1 << bit;
      await this.#demandSame(key, packet, first, () => describeBits(some));
      packet.set(key);
    }
  }

  async #demandSame(
    key: Int32Array,
    packet: Int32Array,
    first: Decision,
    change: () => string,
  ): Promise<void> {
    this.#report.flips++;
    const other = this.#isLate ? await this.#decide(packet) : this.#decideNow(packet);
    if (!first.isThatOf(other)) throw this.#unsound(key, first, change(), other);
  }

  /** Takes entries out of tables that the decision did not read; it must stay the same. */
  async #changeState(key: Int32Array, first: Decision): Promise<void> {
    for (const table of Object.values(this.#policy.tables) as unknown as StateTable<StateKey, unknown>[]) {
      const entries = [...table.entries()];
      if (entries.length === 0) continue;
      const [name, value] = this.#random.pick(entries);
      const read = [table.tagOf(name), table.tagOf()].some((what) =>
        first.dependsOn(policyTag(this.#bridge, table.kind, what)),
      );
      if (read) continue;
      this.#report.stateChanges++;
      table.delete(name);
      const other = await this.#decide(key);
      const change = `state.${table.name} has no entry ${JSON.stringify(name)} any more, which it had not read`;
      if (!first.isThatOf(other)) throw this.#unsound(key, first, change, other);
      table.set(name, value);
    }
  }

  /** The decision about a packet; of a policy that takes its time, when it is made. */
  async #decide(key: Int32Array): Promise<Translation> {
    const translation = this.#decideNow(key);
    if (!this.#isLate) return translation;
    const until = performance.now() + ANSWER_MS;
    while (this.#policy.stats.later!.pending > 0) {
      if (performance.now() > until)
        throw new SlowpathError(
          'ERR_POLICY_LATE',
          `policy ${this.#policy.name} does not answer: ${formatPacket(key)}`,
        );
      await new Promise(setImmediate);
    }
    return this.#decideNow(key);
  }

  #decideNow(key: Int32Array): Translation {
    this.#current = key;
    return this.#translator.translateAt(this.#snapshot, this.#bridge, key[F_IN_PORT], key, 0);
  }

  #keep(translation: Translation): Decision {
    return new Decision(translation, this.#trail);
  }

  #unsound(key: Int32Array, first: Decision, change: string, other: Translation): UnsoundPolicyError {
    const isMaskOnly = first.decidesLike(other);
    const megaflow = formatMegaflow(key, first.mask, this.#bridge.tlvMap);
    return new UnsoundPolicyError(this.#policy.name, {
      packet: formatPacket(key, this.#bridge.tlvMap),
      megaflow,
      change,
      before: first.text,
      after: isMaskOnly
        ? `the same, for another megaflow: ${formatMegaflow(key, other.mask, this.#bridge.tlvMap)}`
        : this.#keep(other).text,
    });
  }

  #threw(key: Int32Array): SlowpathError {
    return new SlowpathError(
      'ERR_POLICY_THREW',
      `policy ${this.#policy.name} threw for ${formatPacket(key)}: ${this.#policy.stats.lastError ?? 'unknown'}`,
    );
  }
}

/** Bits of a key in words: `nw_dst bit 3`. */
function describeBits(bits: readonly (readonly [word: number, bit: number])[]): string {
  const names = bits.map(([word, bit]) => {
    const field = FLOW_FIELDS.find((one) => word >= one.word && word < one.word + one.words);
    const low = field === undefined ? 0 : (field.word + field.words - 1 - word) * 32;
    return `${field?.name ?? word} bit ${low + bit}`;
  });
  return names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ');
}
