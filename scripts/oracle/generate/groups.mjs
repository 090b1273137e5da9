// Groups: each may name those with smaller numbers, so that none contains itself.
import * as v from './values.mjs';

const METHODS = [
  [3, ''],
  [2, ',selection_method=dp_hash'],
  [1, ',selection_method=dp_hash,selection_method_param=1'],
  [2, ',selection_method=hash'],
  [1, ',selection_method=hash,selection_method_param=7'],
  [1, ',selection_method=hash,fields(ip_src,ip_dst)'],
  [1, ',selection_method=hash,fields(ip_src=255.255.255.0,ip_dst)'],
  [1, ',selection_method=hash,fields(ip_src)'],
  [1, ',selection_method=hash,fields(eth_src,eth_dst)'],
  [1, ',selection_method=hash,fields(vlan_vid,ipv6_src,udp_dst)'],
  [1, ',selection_method=hash,fields(tcp_src,tcp_dst,ip_src,ip_dst)'],
  [1, ',selection_method=hash,fields(eth_dst=ff:ff:ff:00:00:00)'],
];

function bucketActions(random, lower, features) {
  const before = random.weighted([
    [12, ''],
    [2, `set_field:${v.mac(random)}->eth_src,`],
    [2, `push_vlan:0x8100,set_field:${v.vlan(random) | 0x1000}->vlan_vid,`],
    [1, `set_field:${v.small(random)}->reg3,`],
    [1, `set_tunnel:0x99,`],
    [1, 'ct_clear,'],
  ]);
  if (lower.length > 0 && random.oneIn(5)) features.add('group');
  const end = random.weighted([
    [12, `output:${v.port(random)}`],
    [2, 'in_port'],
    [2, `resubmit(,${random.pick([2, 3, 4])})`],
    [lower.length > 0 ? 3 : 0, `group:${lower.length > 0 ? random.pick(lower) : 0}`],
  ]);
  return before + end;
}

/** Groups 1 to 9, those that are named first; their ids. */
export function makeGroups(random, features) {
  const texts = [];
  const ids = [];
  for (let id = 9; id >= 1; id--) {
    const type = random.weighted([
      [4, 'all'],
      [2, 'indirect'],
      [5, 'select'],
      [2, 'fast_failover'],
    ]);
    const method = type === 'select' ? random.weighted(METHODS) : '';
    const buckets = random.some(type === 'indirect' ? 1 : random.between(1, 4), () => {
      const weight = type === 'select' && random.oneIn(2) ? `weight:${random.pick([0, 1, 2, 10, 100])},` : '';
      const watch = type === 'fast_failover' ? `watch_port:${v.port(random)},` : '';
      return `bucket=${weight}${watch}actions=${bucketActions(random, ids, features)}`;
    });
    texts.push(`group_id=${id},type=${type}${method},${buckets.join(',')}`);
    ids.push(id);
  }
  return { texts, ids };
}
