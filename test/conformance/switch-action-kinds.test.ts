import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import * as fields from '../../ts/fields/index.js';
import { type DatapathAction, decodeActions } from '../../ts/flow/index.js';
import { describeFlow, dumpFlowLines } from '../../ts/datapath/index.js';
import { parseFlows } from '../../ts/openflow/index.js';
import { root } from '../support/processes.js';
import { eventually } from '../support/eventually.js';
import { ethernet, mac, tcpPacket, udpPacket } from '../support/frames.js';
import { mplsEntry, nshHeader, sctpPacket, udp6Packet } from '../support/headers.js';
import { describeSwitch, type RunningSwitch } from '../support/switch-rig.js';
import { failures } from '../support/switch-trials.js';
import { datapathType, hasPsample } from '../support/test-datapath.js';
import { sendFrames } from '../support/traffic.js';

/** What each method of ActionsWriter that translation calls writes, as `kind` below names it; null for parts of others. */
const WRITTEN: Readonly<Record<string, string | null>> = {
  addMpls: 'add_mpls',
  beginCheckPktLen: 'check_pkt_len',
  beginSample: 'sample',
  ctClear: 'ct_clear',
  hash: 'hash',
  meter: 'meter',
  output: 'output',
  popEth: 'pop_eth',
  popMpls: 'pop_mpls',
  popNsh: 'pop_nsh',
  popVlan: 'pop_vlan',
  psample: 'psample',
  pushEth: 'push_eth',
  pushMpls: 'push_mpls',
  pushVlan: 'push_vlan',
  recirc: 'recirc',
  setIpv4: 'set IPV4',
  setIpv6: 'set IPV6',
  setMaskedEthernet: 'set ETHERNET',
  setMaskedIpv4: 'set IPV4',
  setMaskedIpv6: 'set IPV6',
  setMaskedMark: 'set SKB_MARK',
  setMaskedPriority: 'set PRIORITY',
  setMaskedSctp: 'set SCTP',
  setMaskedTcp: 'set TCP',
  setMaskedUdp: 'set UDP',
  setMpls: 'set MPLS',
  setTunnel: 'set TUNNEL',
  trunc: 'trunc',
  userspace: 'userspace',
  // No module sets these: packets of such flows are slow (switch-fields.test.ts has them).
  ...{ setMaskedArp: null, setMaskedIcmp: null, setMaskedIcmpv6: null, setMaskedNd: null },
  ...{ attribute: null, begin: null, bytes: null, count: null, end: null, endSample: null, flag: null },
  ...{ length: null, overflowed: null, reset: null, truncate: null, u16: null, u32: null, unwrapLast: null },
};
/** Attributes that translation begins by number, likewise. */
const BEGUN: Readonly<Record<string, string | null>> = {
  ACTION_ATTR_CLONE: 'clone',
  ACTION_ATTR_CT: 'ct',
  ACTION_ATTR_PUSH_NSH: 'push_nsh',
  ACTION_ATTR_SAMPLE: 'sample',
  // Slow, as above.
  KEY_ATTR_ND_EXTENSIONS: null,
  KEY_ATTR_NSH: null,
  // Kinds of what is begun, and what is only read.
  ...{ ACTION_ATTR_SET: null, ACTION_ATTR_SET_MASKED: null, ACTION_ATTR_OUTPUT: null, KEY_ATTR_VLAN: null },
};

/** Kinds that the sources of translation can write. */
function composedKinds(): Set<string> {
  const folder = join(root, 'ts', 'xlate');
  const kinds = new Set<string>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(folder, file), 'utf8');
    const known = (table: typeof WRITTEN, name: string) => {
      expect(
        table,
        `${file}: ${name} is in no list of kinds: add it, and a flow that composes it`,
      ).to.have.property(name);
      if (table[name] !== null) kinds.add(table[name]);
    };
    for (const [, method] of text.matchAll(/\bwriter\.(\w+)/g)) known(WRITTEN, method);
    for (const [, name] of text.matchAll(/\bOVS_((?:ACTION|KEY)_ATTR_\w+)/g)) known(BEGUN, name);
  }
  return kinds;
}

const KEY_NAMES = new Map(
  Object.entries(fields).flatMap(([name, value]) =>
    name.startsWith('OVS_KEY_ATTR_') ? [[value as number, name.slice('OVS_KEY_ATTR_'.length)] as const] : [],
  ),
);

/** Kinds of actions and of those within them. */
function kindsOf(actions: readonly DatapathAction[], kinds: Set<string>): void {
  for (const action of actions) {
    kinds.add(action.type === 'set' ? `set ${KEY_NAMES.get(action.attribute)}` : action.type);
    if ('actions' in action && Array.isArray(action.actions)) kindsOf(action.actions, kinds);
    if (action.type === 'check_pkt_len') {
      kindsOf(action.greater, kinds);
      kindsOf(action.lessEqual, kinds);
    }
  }
}

const DATA = Buffer.alloc(48, 0x5a);
const frame = (type: number, payload: Uint8Array, tags: readonly (readonly [number, number])[] = []) =>
  ethernet({ type, payload, tags });
const UDP = frame(0x0800, udpPacket(1000, 2000, DATA));
const LABELLED = frame(0x8847, Buffer.concat([mplsEntry(16, 0, true, 64), udpPacket(1000, 2000, DATA)]));
const SERVICE = frame(0x894f, Buffer.concat([nshHeader({ spi: 7 }), UDP]));

/** Match, actions, frame: together flows of all kinds. The flows' packets tell themselves apart by their source address. */
const ALL_FLOWS: readonly (readonly [match: string, actions: string, frame: Buffer])[] = [
  [
    'udp',
    'set_field:02:11:22:33:44:55->eth_dst,mod_nw_dst:192.0.2.1,mod_tp_dst:7,set_field:5->pkt_mark,set_queue:1,output:2',
    UDP,
  ],
  ['tcp', 'mod_tp_src:9,output(port=2,max_len=64)', frame(0x0800, tcpPacket(1, 2, 2, DATA))],
  ['sctp', 'set_field:9->sctp_dst,output:2', frame(0x0800, sctpPacket(1, 2, Buffer.alloc(24)))],
  ['udp6', 'set_field:fd00::9->ipv6_dst,output:2', frame(0x86dd, udp6Packet(1, 2, DATA))],
  ['ip', 'push_vlan:0x8100,set_field:4103->vlan_vid,output:2', UDP],
  ['dl_vlan=7', 'pop_vlan,output:2', frame(0x0800, udpPacket(1000, 2000, DATA), [[0x8100, 7]])],
  ['ip', 'push_mpls:0x8847,set_field:5->mpls_label,output:2', UDP],
  ['mpls', 'set_field:6->mpls_label,output:2', LABELLED],
  ['mpls', 'pop_mpls:0x0800,output:2', LABELLED],
  [
    'ip',
    'encap(mpls),set_field:5->mpls_label,encap(ethernet),set_field:02:00:00:00:00:09->eth_dst,output:2',
    UDP,
  ],
  ['ip', 'encap(nsh(md_type=1)),set_field:5->nsh_spi,encap(ethernet),output:2', UDP],
  ['dl_type=0x894f', 'decap(),decap(),output:2', SERVICE],
  ['ip', 'sample(probability=30000,collector_set_id=1,obs_domain_id=1,obs_point_id=1),output:2', UDP],
  ['ip', 'sample(probability=30000,collector_set_id=2,obs_domain_id=1,obs_point_id=1),output:2', UDP],
  ['ip', 'clone(ct(commit),output:2),output:2', UDP],
  ['ip', 'ct(table=1)', UDP],
  ['ip', 'group:1', UDP],
  ['ip', 'check_pkt_larger(100)->NXM_NX_REG0[0],resubmit(,2)', UDP],
  ['ip', 'controller(max_len=64),output:2', UDP],
  ['ip', 'meter:1,output:2', UDP],
  ['ip', 'set_field:7->tun_id,output:9', UDP],
];
/** The embedded datapath has neither tunnels nor meters. */
const onKernel = datapathType === 'system';
const FLOWS = ALL_FLOWS.filter(([, actions]) => onKernel || !/meter:|tun_id/.test(actions));
const TABLES = `table=1 actions=ct_clear,output:2
  table=2,reg0=0x1/0x1 actions=output:2`;
const GROUP =
  'group_id=1,type=select,selection_method=dp_hash,bucket=actions=output:2,bucket=actions=output:3';
const SAMPLED =
  '-- --id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=1 bridge=@b ipfix=@i -- --id=@i create IPFIX targets="127.0.0.1:4739"';
const SAMPLED_LOCALLY =
  '-- --id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=2 bridge=@b local_group_id=7';
const TUNNEL =
  '-- add-port br0 v -- set Interface v type=vxlan options:remote_ip=172.31.0.9 options:key=flow ofport_request=9';

describeSwitch('every kind of action that translation composes', (rig) => {
  function open(): RunningSwitch {
    const running = rig().open({ bridge: { failMode: 'secure' } });
    const { theSwitch, bridge } = running;
    for (const words of [SAMPLED, SAMPLED_LOCALLY, ...(onKernel ? [TUNNEL] : [])])
      expect(theSwitch.vsctl(words.split(' ')).errors).to.deep.equal([]);
    theSwitch.setGroup(bridge, GROUP);
    if (onKernel) theSwitch.addMeters(bridge, [{ meterId: 1, unit: 'pktps', bands: [{ rate: 1000 }] }]);
    const flows = FLOWS.map(([match, actions], i) => `dl_src=${source(i)},${match} actions=${actions}`);
    const text = `${flows.join('\n')}\n${TABLES}`;
    theSwitch.applyFlows(bridge, parseFlows(text, { portNames: bridge.portNames(), version: 'OpenFlow15' }));
    return running;
  }

  const source = (i: number) => `02:00:00:01:00:${(i + 1).toString(16).padStart(2, '0')}`;

  it('is taken by the datapath', async () => {
    const { theSwitch } = open();
    const frames = FLOWS.map(([, , bytes], i) => {
      const own = Buffer.from(bytes);
      mac(source(i)).copy(own, 6);
      return own;
    });
    const composed = composedKinds();
    // The embedded datapath has no tunnels and meters, Linux 6.1 no psample.
    for (const kind of onKernel ? [] : ['set TUNNEL', 'meter']) composed.delete(kind);
    if (!hasPsample) composed.delete('psample');
    const seen = new Set<string>();
    const missing = () => [...composed].filter((kind) => !seen.has(kind)).sort();
    sendFrames(rig().hosts[0].namespace, 'eth0', frames);
    try {
      await eventually('flows of every kind', async () => {
        for await (const { batch, count } of theSwitch.datapath.dumpFlows()) {
          for (let row = 0; row < count; row++)
            kindsOf(decodeActions(describeFlow(batch, row, 0).actions), seen);
        }
        return missing().length === 0;
      });
    } catch {
      const lines = await dumpFlowLines(theSwitch.datapath);
      expect(missing(), `no flow has them:\n${lines.join('\n')}`).to.deep.equal([]);
    }
    expect(failures(theSwitch.stats().upcall)).to.deep.equal([]);
    expect([...seen].filter((kind) => !composed.has(kind))).to.deep.equal([]);
  });
});
