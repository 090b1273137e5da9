import fc from 'fast-check';
import {
  F_ETH_DST,
  F_ETH_SRC,
  F_MPLS_LSE0,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN_TCI,
} from '../../ts/fields/index.js';
import type { PortSetup } from './xlate.js';

/** Ports of the switch that the rules are for. */
export const PORTS: PortSetup[] = [
  { ofport: 1 },
  { ofport: 2, vlanMode: 'access', tag: 10 },
  { ofport: 3, vlanMode: 'native-tagged', tag: 10 },
  { ofport: 4, vlanMode: 'native-untagged', tag: 20 },
  { ofport: 5, vlanMode: 'access', tag: 20 },
];
const TABLES = 3;

const one = <T>(...items: T[]): fc.Arbitrary<T> => fc.constantFrom(...items);
const mac = one('50:54:00:00:00:01', '50:54:00:00:00:02', '50:54:00:00:01:02', 'ff:ff:ff:ff:ff:ff');
const address = one('10.0.0.1', '10.0.0.2', '10.0.1.1', '192.168.0.1');
const port = fc.integer({ min: 1, max: 5 });

const matches = one(
  '',
  'udp',
  'tcp',
  'ip,nw_dst=10.0.0.0/24',
  'ip,nw_src=10.0.0.1',
  'ip,nw_ttl=64',
  'ip,nw_tos=32',
  'udp,tp_dst=53',
  'udp,tp_src=0x100/0xff00',
  'arp,arp_op=1',
  'mpls',
  'mpls,mpls_label=16',
  'mpls,mpls_bos=1',
  'arp,arp_spa=10.0.0.1',
  'in_port=2',
  'dl_vlan=10',
  'vlan_tci=0x1000/0x1000',
  'dl_src=50:54:00:00:00:01',
  'dl_dst=01:00:00:00:00:00/01:00:00:00:00:00',
  'reg0=3',
  'reg1=0x1/0x1',
  'pkt_mark=0x5',
);

/** Actions with what the rule must match for them. */
const anyActions: fc.Arbitrary<readonly [need: string, text: string]> = fc.oneof(
  port.map((p) => ['', `output:${p}`] as const),
  one('NORMAL', 'FLOOD', 'IN_PORT', 'ALL').map((text) => ['', text] as const),
  fc.integer({ min: 0, max: TABLES - 1 }).map((t) => ['', `resubmit(,${t})`] as const),
  mac.map((m) => ['', `mod_dl_dst:${m}`] as const),
  address.map((a) => ['ip', `mod_nw_dst:${a}`] as const),
  one<readonly [string, string]>(
    ['', 'resubmit(3,1)'],
    ['', 'push_vlan:0x8100'],
    ['', 'strip_vlan'],
    ['', 'mod_vlan_vid:20'],
    ['', 'mod_vlan_pcp:3'],
    ['', 'move:NXM_OF_ETH_SRC[0..7]->NXM_NX_REG0[0..7]'],
    ['', 'move:NXM_OF_ETH_DST[0..15]->NXM_OF_ETH_SRC[16..31]'],
    ['', 'multipath(eth_src,0,modulo_n,4,0,NXM_NX_REG1[])'],
    ['', 'multipath(symmetric_l4,50,hrw,3,0,NXM_NX_REG0[0..7])'],
    ['', 'multipath(symmetric_l3l4+udp,1,hash_threshold,5,0,NXM_NX_REG0[])'],
    ['', 'multipath(symmetric_l3l4,0,iter_hash,6,8,NXM_NX_REG1[])'],
    ['', 'output:NXM_NX_REG0[0..15]'],
    ['', 'encap(mpls)'],
    ['', 'encap(nsh(md_type=1))'],
    ['', 'encap(ethernet)'],
    ['', 'decap()'],
    ['', 'decap(packet_type(ns=0,type=0))'],
    ['', 'clone(encap(mpls))'],
    ['', 'push_mpls:0x8847'],
    ['mpls', 'pop_mpls:0x800'],
    ['mpls', 'set_mpls_label:5'],
    ['mpls', 'dec_mpls_ttl'],
    ['', 'load:1->NXM_NX_REG1[]'],
    ['', 'set_field:5->pkt_mark'],
    ['ip', 'dec_ttl'],
    ['ip', 'mod_nw_tos:8'],
    ['ip', 'set_field:0.0.0.7/0.0.0.255->nw_src'],
    ['udp', 'mod_tp_dst:99'],
    ['udp', 'move:NXM_OF_UDP_SRC[0..7]->NXM_NX_REG0[0..7]'],
    ['arp', 'set_field:10.0.0.9->arp_tpa'],
    ['', 'group:1'],
    ['', 'group:2'],
    ['', 'group:3'],
    ['', 'group:4'],
    ['', 'meter:1'],
    ['', 'set_queue:2'],
    ['', 'pop_queue'],
    ['', 'enqueue:2:1'],
    ['', 'exit'],
    ['', 'debug_recirc'],
    ['', 'controller(reason=action)'],
    ['', 'push:NXM_OF_ETH_SRC[0..31]'],
    ['', 'push:NXM_NX_REG0[]'],
    ['', 'pop:NXM_NX_REG1[]'],
    ['', 'pop:NXM_OF_ETH_DST[0..15]'],
    ['', 'output(port=3,max_len=64)'],
    ['', 'check_pkt_larger(100)->NXM_NX_REG0[0]'],
    ['', 'clone(mod_dl_src:50:54:00:00:00:02,output:4)'],
    ['', 'clone(resubmit(,1),output:3)'],
    ['', 'clone(output(port=2,max_len=64),resubmit(,2))'],
    ['', 'bundle(eth_src,0,hrw,ofport,members:1,2,3)'],
    ['', 'fin_timeout(idle_timeout=5)'],
    ['ip', 'ct(commit)'],
    ['ip', 'ct(commit,zone=NXM_NX_REG0[0..15],exec(move:NXM_NX_REG1[]->NXM_NX_CT_MARK[]))'],
    ['ip', 'clone(ct(commit,nat(src=10.0.0.9)),output:4)'],
    ['ip', 'ct(table=1,zone=5)'],
    ['ip', 'ct_clear'],
    ['udp', 'ct(commit,exec(move:NXM_OF_UDP_SRC[]->NXM_NX_CT_LABEL[0..15]))'],
  ),
);

/** What ends a rule: instructions of OpenFlow 1.1 and later. */
const endings = fc.option(
  fc
    .tuple(
      one(
        '',
        'clear_actions,',
        'write_actions(output:2),',
        'write_actions(group:2),',
        'write_actions(push_vlan:0x8100,set_field:50:54:00:00:00:07->eth_dst,output:5),',
      ),
      fc.integer({ min: 0, max: TABLES - 1 }),
    )
    .map(([instruction, table]) => [instruction, table] as const),
  { nil: null, freq: 3 },
);

/** Groups that the rules use. */
export const GROUPS = [
  'group_id=1,type=all,bucket=actions=set_field:50:54:00:00:00:03->eth_src,output:2,bucket=actions=resubmit(,1),bucket=actions=group:4',
  'group_id=2,type=select,selection_method=hash,fields(eth_dst,ip_src=255.255.0.0),bucket=actions=output:1,bucket=actions=output:2,bucket=actions=output:3',
  'group_id=3,type=select,bucket=actions=output:4,bucket=actions=output:5',
  'group_id=4,type=ff,bucket=watch_port:9,actions=output:1,bucket=watch_port:3,actions=push_vlan:0x8100,output:4',
];

/** A rule of tables 0 to 2, in ovs-ofctl syntax. */
export const rule = fc
  .tuple(
    fc.integer({ min: 0, max: TABLES - 1 }),
    fc.integer({ min: 0, max: 20 }),
    matches,
    fc.array(anyActions, { maxLength: 4 }),
    endings,
  )
  .map(([table, priority, match, list, ending]) => {
    // Actions whose need is not in the match are left out: ovs-ofctl would refuse the rule.
    const fits = ([need]: readonly [string, string]): boolean =>
      need === '' || match.split(',')[0] === need || (need === 'ip' && /^(udp|tcp)/.test(match));
    const texts = list.filter(fits).map(([, text]) => text);
    // A meter comes first, and once.
    const isMeter = (text: string): boolean => text.startsWith('meter');
    const actions = [...texts.filter(isMeter).slice(0, 1), ...texts.filter((text) => !isMeter(text))];
    // Instructions go forward only; the last table has none.
    if (ending !== null && ending[1] > table) actions.push(`${ending[0]}goto_table:${ending[1]}`);
    const head = `table=${table},priority=${priority}${match === '' ? '' : `,${match}`}`;
    return `${head} actions=${actions.length === 0 ? 'drop' : actions.join(',')}`;
  });

const vlan = one(
  '',
  '',
  ',dl_vlan=10,dl_vlan_pcp=0',
  ',dl_vlan=20,dl_vlan_pcp=5',
  ',dl_vlan=0,dl_vlan_pcp=6',
);
const layer3 = fc.oneof(
  fc
    .tuple(address, address, one(1, 2, 64), one(0, 32), one(53, 256), one(53, 99))
    .map(
      ([s, d, ttl, tos, a, b]) =>
        ['udp', `nw_src=${s},nw_dst=${d},nw_ttl=${ttl},nw_tos=${tos},udp_src=${a},udp_dst=${b}`] as const,
    ),
  fc
    .tuple(address, address, one(53, 256))
    .map(([s, d, a]) => ['tcp', `nw_src=${s},nw_dst=${d},nw_ttl=64,tcp_src=${a},tcp_dst=80`] as const),
  fc
    .tuple(address, address, one(1, 2))
    .map(([s, d, op]) => ['arp', `arp_spa=${s},arp_tpa=${d},arp_op=${op}`] as const),
  fc
    .tuple(one(5, 16), one(0, 3), one(1, 64), one(0, 1))
    .map(
      ([label, tc, ttl, bos]) =>
        ['mpls', `mpls_label=${label},mpls_tc=${tc},mpls_ttl=${ttl},mpls_bos=${bos}`] as const,
    ),
);
/** A packet, as a match for makeKey. */
export const packet = fc
  .tuple(port, mac, mac, vlan, layer3)
  .map(
    ([p, src, dst, tag, [type, rest]]) => `${type},in_port=${p},dl_src=${src},dl_dst=${dst}${tag},${rest}`,
  );

/** Bits that may differ between packets of the same kind: word, bits. What tells the kinds apart is always matched. */
export function freeBits(key: Int32Array): (readonly [number, number])[] {
  const ip = key[F_NW_TTL] !== 0;
  const fields: (readonly [number, number])[] = [
    [F_SKB_PRIORITY, 32],
    [F_SKB_MARK, 32],
    [F_ETH_SRC, 16],
    [F_ETH_SRC + 1, 32],
    [F_ETH_DST, 16],
    [F_ETH_DST + 1, 32],
    [F_NW_SRC, 32],
    [F_NW_DST, 32],
  ];
  if (ip) fields.push([F_NW_TOS, 8], [F_NW_TTL, 8], [F_TP_SRC, 16], [F_TP_DST, 16]);
  else if (key[F_MPLS_LSE0] !== 0) fields.push([F_MPLS_LSE0, 32]);
  else fields.push([F_NW_PROTO, 8]);
  // The presence bit (12) stays: without it the packet would be of another Ethernet type.
  if (key[F_VLAN_TCI] !== 0) fields.push([F_VLAN_TCI, 16]);
  return fields.flatMap(([word, bits]) => Array.from({ length: bits }, (_, bit) => [word, bit] as const));
}
