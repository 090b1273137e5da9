// Nanoseconds a translation takes through a policy, beside the same rules as flows: an access list of 4, 16 and 64 rules of one kind (prefix and port) before an output, a learning switch beside NORMAL, and set fields with
// an output. Time of this process alone. Prints one line each: medians of alternating rounds and their ratio, and bytes that a translation allocates. Needs `npm run build:test`.
//   npm run bench -- policy
import { F_TP_SRC, FLOW_WORDS } from '../../out/ts/fields/index.js';
import { definePolicy, policyTable } from '../../out/ts/policy/index.js';
import { parseFlowKey } from '../../out/ts/openflow/index.js';
import { buildCase } from '../../out/ts/trace/index.js';
import { Trail, Translator } from '../../out/ts/xlate/index.js';

const ROUNDS = 9;
const PER_ROUND = 50_000;
const FEW = 1000;
/** Different packets, so that no branch is always taken the same way for want of variety. */
const PACKETS = 64;
const PACKET =
  'tcp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tcp_src=1,tcp_dst=9';
const VSCTL = ['add-br', 'br0', '--', 'add-port', 'br0', 'p1', '--', 'add-port', 'br0', 'p2'];

function side({ flows = [], policy, fdb = [] }) {
  const { model, snapshot } = buildCase({ topology: { vsctl: VSCTL }, flows, fdb, traces: [] });
  const bridge = model.bridges.get('br0');
  const attached = policy === undefined ? undefined : bridge.policy(policy);
  const translator = new Translator();
  translator.trail = new Trail();
  const keys = new Int32Array(PACKETS * FLOW_WORDS);
  const key = parseFlowKey(PACKET);
  for (let i = 0; i < PACKETS; i++) {
    keys.set(key, i * FLOW_WORDS);
    keys[i * FLOW_WORDS + F_TP_SRC] = 1024 + i;
  }
  const translate = (i) => translator.translateAt(snapshot, bridge, 1, keys, (i % PACKETS) * FLOW_WORDS);
  const times = [];
  return {
    attached,
    round() {
      const start = process.cpuUsage();
      let bytes = 0;
      for (let i = 0; i < PER_ROUND; i++) bytes += translate(i).actionsLength;
      times.push((process.cpuUsage(start).user * 1000) / PER_ROUND);
      if (bytes === 0) throw new Error('nothing was output, so nothing was measured');
    },
    /** Without the first round, which is the compiler's. */
    median: () => times.slice(1).sort((a, b) => a - b)[ROUNDS >> 1],
    allocated() {
      const attempts = Array.from({ length: 7 }, () => {
        const before = process.memoryUsage().heapUsed;
        for (let i = 0; i < FEW; i++) translate(i);
        return (process.memoryUsage().heapUsed - before) / FEW;
      }).filter((bytes) => bytes >= 0);
      return Math.round(Math.min(...attempts));
    },
  };
}

function measure(name, flowSide, policySide, prepare = () => {}) {
  const [flows, policy] = [side(flowSide), side(policySide)];
  prepare(policy.attached);
  for (let round = 0; round <= ROUNDS; round++) {
    flows.round();
    policy.round();
  }
  const [a, b] = [flows.median(), policy.median()];
  console.log(
    `${name}: ${b.toFixed(0)} ns through the policy, ${a.toFixed(0)} ns as flows, ratio ${(b / a).toFixed(2)}; ` +
      `${policy.allocated()} and ${flows.allocated()} bytes allocated`,
  );
}

/** Rules of which none matches but the last, which takes everything. */
function accessList(count) {
  const rules = Array.from({ length: count }, (_, i) => ({ prefix: `10.${i + 1}.0.0/16`, port: 1000 + i }));
  return {
    flows: [
      ...rules.map(
        ({ prefix, port }, i) => `priority=${1000 - i},tcp,nw_dst=${prefix},tp_dst=${port} actions=drop`,
      ),
      'priority=1 actions=output:2',
    ],
    policy(pkt, act) {
      for (let i = 0; i < rules.length; i++)
        if (pkt.ipv4Dst.inPrefix(rules[i].prefix) && pkt.tcpDst.equals(rules[i].port)) return void act.drop();
      act.output(2);
    },
  };
}

for (const count of [4, 16, 64]) {
  const { flows, policy } = accessList(count);
  measure(`access list of ${count} rules`, { flows }, { policy });
}
measure(
  'set fields',
  { flows: ['tcp actions=mod_dl_src:00:01:02:03:04:05,mod_nw_tos:8,dec_ttl,output:2'] },
  {
    policy: (pkt, act) =>
      void (pkt.isTcp && act.set.ethSrc('00:01:02:03:04:05').set.ipDscp(2).decTtl().output(2)),
  },
);
measure(
  'learning switch',
  {
    flows: ['actions=NORMAL'],
    fdb: [
      ['p1', 0, '50:54:00:00:00:01'],
      ['p2', 0, '50:54:00:00:00:02'],
    ],
  },
  {
    policy: definePolicy({
      tables: { hosts: policyTable() },
      run(pkt, act, { hosts }) {
        hosts.learn(pkt.ethSrc.value, pkt.inPort.value);
        const port = hosts.get(pkt.ethDst.value);
        if (port === undefined) act.flood();
        else act.output(port);
      },
    }),
  },
  ({ tables }) => tables.hosts.set(0x505400000001, 1).set(0x505400000002, 2),
);
