import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import {
  FLOW_REMOVED_REASONS,
  type FlowRemovedReason,
  formatFlowRemoved,
  formatFlowStats,
  parseFlow,
  type Rule,
  toRule,
} from '../../ts/openflow/index.js';
import { skipUnless } from '../support/skip.js';

/** Bytes of fields of these widths, big-endian. */
function bytes(...fields: readonly (readonly [bits: number, value: number | bigint])[]): Buffer {
  const hex = fields.map(([bits, value]) => value.toString(16).padStart(bits / 4, '0'));
  return Buffer.from(hex.join(''), 'hex');
}

/** What ovs-ofctl prints of an OpenFlow message. */
function printed(version: number, type: number, body: Buffer): string {
  const header = bytes([8, version], [8, type], [16, 8 + body.length], [32, 0]);
  const args = ['ofp-print', Buffer.concat([header, body]).toString('hex')];
  return spawnSync('ovs-ofctl', args, { encoding: 'utf8' }).stdout;
}

const rule = (text: string, counts: Partial<Rule> = {}): Rule => ({
  ...toRule(parseFlow(text)),
  packets: 0,
  bytes: 0,
  ...counts,
});
const times = (durationMs: number): readonly (readonly [number, number])[] => [
  [32, Math.floor(durationMs / 1000)],
  [32, (durationMs % 1000) * 1_000_000],
];

describe('rules with their statistics, as ovs-ofctl prints them', function () {
  // Each is a program that starts.
  this.timeout(120_000);
  before(function () {
    skipUnless(this, spawnSync('ovs-ofctl', ['--version']).status === 0, 'ovs-ofctl is not installed');
  });

  /** OFPT_FLOW_REMOVED of OpenFlow 1.3 with an OXM of the Ethernet type. */
  function removed(of: Rule, reason: FlowRemovedReason, durationMs: number): string {
    const body = bytes(
      ...([
        [64, (BigInt(of.cookieHigh) << 32n) | BigInt(of.cookieLow)],
        [16, of.priority],
      ] as const),
      ...([
        [8, FLOW_REMOVED_REASONS.indexOf(reason)],
        [8, of.table],
      ] as const),
      ...times(durationMs),
      ...([
        [16, of.idleTimeout],
        [16, of.hardTimeout],
        [64, of.packets],
        [64, of.bytes],
      ] as const),
      // OFPMT_OXM of 10 bytes, eth_type=0x0806, and padding.
      ...([
        [16, 1],
        [16, 10],
        [32, 0x80000a02],
        [16, 0x0806],
        [48, 0],
      ] as const),
    );
    return printed(4, 11, body)
      .replace(/^.*\(xid=0x0\): /, '')
      .trimEnd();
  }

  it('flow-removed, for every reason and with all that may be left out', () => {
    for (const reason of FLOW_REMOVED_REASONS) {
      const plain = rule('arp,actions=drop');
      expect(formatFlowRemoved(plain, reason, 12_000)).to.equal(removed(plain, reason, 12_000));
    }
    const full = rule(
      'table=3,cookie=0x123456789a,priority=7,idle_timeout=10,hard_timeout=20,arp actions=drop',
      {
        packets: 5_000_000_000,
        bytes: 300,
      },
    );
    for (const duration of [0, 7, 500, 61_020])
      expect(formatFlowRemoved(full, 'idle_timeout', duration)).to.equal(
        removed(full, 'idle_timeout', duration),
      );
  });

  /** NXST_FLOW reply of OpenFlow 1.0, with the ages that a switch would send. */
  function dumped(of: Rule, now: number): string {
    const { created = now, modified = created, used = created } = of;
    const age = (since: number) => Math.floor((now - since) / 1000);
    // nx_flow_stats holds ages as the seconds and 1.
    const stats = bytes(
      ...([
        [16, 48],
        [8, of.table],
        [8, 0],
      ] as const),
      ...times(now - created),
      ...([
        [16, of.priority],
        [16, of.idleTimeout],
        [16, of.hardTimeout],
        [16, 0],
      ] as const),
      ...([
        [16, age(used) + 1],
        [16, age(modified) + 1],
        [64, of.cookieLow],
      ] as const),
      ...([
        [64, of.packets],
        [64, of.bytes],
      ] as const),
    );
    const vendor = bytes([16, 0xffff], [16, 0], [32, 0x2320], [32, 0], [32, 0]);
    return printed(1, 17, Buffer.concat([vendor, stats])).split('\n')[1];
  }

  it('duration, idle_age and hard_age of a dump', () => {
    const text = 'table=2,cookie=5,idle_timeout=9,hard_timeout=70,actions=drop';
    const ages: Partial<Rule>[] = [
      { created: 60_000 },
      { created: 59_100 },
      { created: 50_000, used: 58_000 },
      { created: 50_000, used: 58_001, modified: 55_500 },
      { created: 0, used: 0, modified: 59_999 },
      { created: 0, used: 60_000, modified: 0 },
      { created: 50_900, modified: 51_900 },
      { created: 50_000, modified: 50_100 },
    ];
    for (const age of ages) {
      const one = rule(text, { ...age, packets: 7, bytes: 420 });
      expect(formatFlowStats(one, 60_000), JSON.stringify(age)).to.equal(dumped(one, 60_000));
    }
  });
});
