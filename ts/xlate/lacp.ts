import {
  LACP_STATE_ACTIVITY,
  LACP_STATE_AGGREGATION,
  LACP_STATE_COLLECTING,
  LACP_STATE_DEFAULTED,
  LACP_STATE_DISTRIBUTING,
  LACP_STATE_EXPIRED,
  LACP_STATE_SYNCHRONIZATION,
  LACP_STATE_TIMEOUT,
  type Lacpdu,
  type SlowFrame,
  type LacpInfo,
} from '../packet/index.js';

/** Periods of messages (IEEE 802.1AX: Fast_Periodic_Time, Slow_Periodic_Time), and how many may be missed. */
const FAST_MS = 1000;
const SLOW_MS = 30_000;
const MISSES = 3;
const NEVER = Number.POSITIVE_INFINITY;
const MAC_BYTES = 6;

export interface LacpOptions {
  /** Speaks first (Port lacp=active). */
  readonly active: boolean;
  /** Asks the partner for a message each second instead of every 30 (Port other_config:lacp-time). */
  readonly fast: boolean;
  /** Members without a partner may carry packets (Port other_config:lacp-fallback-ab). */
  readonly fallback: boolean;
  /** Port other_config:lacp-system-id; null for `Lacp.ownId`. */
  readonly systemId: Uint8Array | null;
  readonly systemPriority: number;
}

/** A port that speaks LACP, as XPort has it; told by identity. */
export interface LacpEnd {
  readonly name: string;
  readonly odpPort: number;
  /** Index of its network device. */
  readonly ifindex?: number;
}

/** A port and what its Interface record says of it. */
export interface LacpPort {
  readonly port: LacpEnd;
  readonly id: number;
  readonly priority: number;
  /** 0: the id of the first port. */
  readonly key: number;
}

/** `current`: the partner was heard lately; `expired`: not any more; `defaulted`: not for long, or never. */
export type LacpPortStatus = 'current' | 'expired' | 'defaulted';

const NOBODY: LacpInfo = {
  systemPriority: 0,
  systemId: new Uint8Array(MAC_BYTES),
  key: 0,
  portPriority: 0,
  portId: 0,
  state: 0,
};

/** A frame of LACP's EtherType came in by a port that speaks it. */
export interface LacpEffect {
  readonly type: 'lacp';
  readonly port: LacpEnd;
  readonly frame: SlowFrame;
}

/** What a port met since it speaks LACP. */
export interface LacpCounts {
  /** Frames of LACP's EtherType, whatever they are. */
  received: number;
  /** Those that are neither messages nor marker requests. */
  illegal: number;
  /** Marker requests. OVS does not answer them, and neither do we. */
  markers: number;
  sent: number;
  /** How often a partner was silent for too long, and how often it then stayed so. */
  expired: number;
  defaulted: number;
  /** How often the link came or went. */
  linkChanges: number;
}

/** What became of one port. */
export interface LacpMember extends LacpPort {
  readonly status: LacpPortStatus;
  readonly attached: boolean;
  readonly partner: LacpInfo;
  readonly counts: Readonly<LacpCounts>;
}

interface Member extends LacpMember {
  id: number;
  priority: number;
  key: number;
  status: LacpPortStatus;
  attached: boolean;
  partner: LacpInfo;
  readonly counts: LacpCounts;
  /** Whether there is a link; null until somebody tells. */
  up: boolean | null;
  /** When the partner counts as gone, one step further. */
  expires: number;
  /** When the next message is due. */
  sends: number;
  /** What was sent last; null for nothing. */
  sent: LacpInfo | null;
}

function sameId(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameInfo(a: LacpInfo, b: LacpInfo): boolean {
  return (
    a.state === b.state &&
    a.key === b.key &&
    a.portId === b.portId &&
    a.portPriority === b.portPriority &&
    a.systemPriority === b.systemPriority &&
    sameId(a.systemId, b.systemId)
  );
}

/** Priority, then id of a port: the lower of two ends by system says it (IEEE 802.1AX-2014, 6.7.1). Negative when `a` comes first. */
function compareInfo(a: LacpInfo, b: LacpInfo): number {
  return a.portPriority - b.portPriority || a.portId - b.portId;
}

function compareSystems(a: LacpInfo, b: LacpInfo): number {
  if (a.systemPriority !== b.systemPriority) return a.systemPriority - b.systemPriority;
  for (let i = 0; i < MAC_BYTES; i++) {
    if (a.systemId[i] !== b.systemId[i]) return a.systemId[i] - b.systemId[i];
  }
  return 0;
}

/**
 * The negotiation of the ports of one Port record with the system at their other ends (IEEE 802.1AX; OVS: lacp.c). It has no clock, reads no
 * frame and sends none: the owner calls `receive`, `linkChanged`, `advance`, and sends what `takeDue` gives.
 */
export class Lacp {
  options: LacpOptions;
  /** There is a partner, or one is waited for: not all ports do without. */
  negotiated = false;
  /** System id where none is configured: the bridge's address. */
  ownId: Uint8Array = new Uint8Array(MAC_BYTES);
  private members: Member[] = [];
  private now = 0;
  private started = false;

  /** `isUp`: whether a port has a link now. */
  constructor(options: LacpOptions, ports: readonly LacpPort[], isUp: (port: LacpEnd) => boolean) {
    this.options = options;
    this.reconfigure(options, ports, isUp);
  }

  /** Other settings and ports; ports that stay keep their partners. */
  reconfigure(options: LacpOptions, ports: readonly LacpPort[], isUp: (port: LacpEnd) => boolean): void {
    this.options = options;
    const before = this.members;
    this.members = ports.map((given) => {
      const old = before.find(({ port }) => port === given.port);
      if (old === undefined) return this.newMember(given);
      return Object.assign(old, { id: given.id, priority: given.priority, key: given.key });
    });
    for (const { port } of ports) this.linkChanged(port, isUp(port));
    this.attach();
  }

  private newMember(given: LacpPort): Member {
    return {
      ...given,
      status: 'defaulted',
      attached: false,
      partner: NOBODY,
      counts: { received: 0, illegal: 0, markers: 0, sent: 0, expired: 0, defaulted: 0, linkChanges: 0 },
      up: null,
      expires: NEVER,
      sends: 0,
      sent: null,
    };
  }

  get memberList(): readonly LacpMember[] {
    return this.members;
  }

  private find(port: LacpEnd): Member | undefined {
    return this.members.find((member) => member.port === port);
  }

  get systemId(): Uint8Array {
    return this.options.systemId ?? this.ownId;
  }

  /** The system has an id; without one nothing is sent. */
  get hasId(): boolean {
    return !sameId(this.systemId, NOBODY.systemId);
  }

  /** Aggregation key where a port has none of its own. */
  private get commonKey(): number {
    return this.members[0]?.id ?? 0;
  }

  /** The key of the first port, for display. */
  get key(): number {
    return this.members.find(({ key }) => key !== 0)?.key ?? this.commonKey;
  }

  /** Whether packets may go through a port. */
  mayEnable(port: LacpEnd): boolean {
    const member = this.find(port);
    return member !== undefined && this.carries(member);
  }

  private carries({ attached, partner, status }: Member): boolean {
    const isSynchronized = (partner.state & LACP_STATE_SYNCHRONIZATION) !== 0;
    return attached && (isSynchronized || (this.options.fallback && status === 'defaulted'));
  }

  /** A port got or lost its link: whoever was there must be heard anew. */
  linkChanged(port: LacpEnd, up: boolean): void {
    const member = this.find(port);
    if (member === undefined) return;
    const before = member.up;
    member.up = up;
    if (up === (before ?? false)) return;
    if (before !== null) member.counts.linkChanges++;
    if (member.status === 'current' || this.options.active) this.expire(member);
    this.attach();
  }

  /** A frame of LACP's EtherType came in by a port. */
  receive(port: LacpEnd, frame: SlowFrame): void {
    const member = this.find(port);
    if (member === undefined) return;
    member.counts.received++;
    if (frame === null) member.counts.illegal++;
    else if (frame === 'marker') member.counts.markers++;
    else this.hear(member, frame);
  }

  private hear(member: Member, pdu: Lacpdu): void {
    member.status = 'current';
    member.expires = this.now + MISSES * (this.options.fast ? FAST_MS : SLOW_MS);
    member.partner = pdu.actor;
    // The partner knows us otherwise than we are.
    if (!sameInfo(pdu.partner, this.actorOf(member))) member.sends = this.now;
    this.attach();
  }

  /** Sets the time (milliseconds, any origin, never backwards). */
  advance(now: number): void {
    if (!this.started) {
      // What waited did so since now.
      for (const member of this.members) member.expires += now - this.now;
      this.started = true;
    }
    this.now = Math.max(now, this.now);
    let changed = false;
    for (const member of this.members) {
      if (this.now < member.expires) continue;
      if (member.status === 'current') {
        this.expire(member);
        member.counts.expired++;
      } else {
        this.giveUp(member);
        member.counts.defaulted++;
      }
      changed = true;
    }
    if (changed) this.attach();
  }

  private expire(member: Member): void {
    member.status = 'expired';
    const state = (member.partner.state | LACP_STATE_TIMEOUT) & ~LACP_STATE_SYNCHRONIZATION;
    member.partner = { ...member.partner, state };
    member.expires = this.now + MISSES * FAST_MS;
  }

  private giveUp(member: Member): void {
    member.status = 'defaulted';
    member.partner = NOBODY;
    member.expires = NEVER;
  }

  /** Ports to the same partner as the one that leads belong together; others carry nothing. */
  private attach(): void {
    let lead: Member | null = null;
    for (const member of this.members) {
      member.attached = false;
      // Our own message came back. Nobody has an address of zeros.
      if (!sameId(member.partner.systemId, NOBODY.systemId) && sameId(member.partner.systemId, this.systemId))
        continue;
      if (member.status === 'defaulted') {
        member.attached = this.options.fallback;
        continue;
      }
      member.attached = true;
      if (lead === null || this.leads(member, lead)) lead = member;
    }
    this.negotiated = lead !== null;
    if (lead === null) return;
    for (const member of this.members) {
      const { key, systemId } = member.partner;
      const samePartner = key === lead.partner.key && sameId(systemId, lead.partner.systemId);
      if (member.status === 'defaulted' || !samePartner) member.attached = false;
    }
  }

  /** Whether a port comes before another: one that carries, else by the priority that the system with the lower id gives it. */
  private leads(member: Member, other: Member): boolean {
    const [a, b] = [this.carries(member), this.carries(other)];
    if (a !== b) return a;
    return compareInfo(this.decidingInfo(member), this.decidingInfo(other)) < 0;
  }

  private decidingInfo(member: Member): LacpInfo {
    const actor = this.actorOf(member);
    return compareSystems(actor, member.partner) <= 0 ? actor : member.partner;
  }

  /** What we say of a port. */
  actorOf(given: LacpMember): LacpInfo {
    const { active, fast, systemPriority } = this.options;
    const { status, attached } = given;
    let state = active ? LACP_STATE_ACTIVITY : 0;
    if (fast) state |= LACP_STATE_TIMEOUT;
    if (attached) state |= LACP_STATE_SYNCHRONIZATION;
    if (status === 'defaulted') state |= LACP_STATE_DEFAULTED;
    if (status === 'expired') state |= LACP_STATE_EXPIRED;
    if (this.members.length > 1) state |= LACP_STATE_AGGREGATION;
    if (attached || !this.negotiated) state |= LACP_STATE_COLLECTING | LACP_STATE_DISTRIBUTING;
    return {
      systemPriority,
      systemId: this.systemId,
      key: given.key === 0 ? this.key : given.key,
      portPriority: given.priority,
      portId: given.id,
      state,
    };
  }

  /** Messages that are due now, which count as sent: periodic ones, and those that tell of a change. */
  takeDue(): { readonly port: LacpEnd; readonly pdu: Lacpdu }[] {
    const due: { port: LacpEnd; pdu: Lacpdu }[] = [];
    if (!this.hasId) return due;
    for (const member of this.members) {
      if (!member.up || (!this.options.active && member.status === 'defaulted')) continue;
      const actor = this.actorOf(member);
      if (this.now < member.sends && member.sent !== null && sameInfo(actor, member.sent)) continue;
      const period = (member.partner.state & LACP_STATE_TIMEOUT) !== 0 ? FAST_MS : SLOW_MS;
      member.sends = this.now + period;
      member.sent = actor;
      member.counts.sent++;
      due.push({ port: member.port, pdu: { actor, partner: member.partner } });
    }
    return due;
  }
}
