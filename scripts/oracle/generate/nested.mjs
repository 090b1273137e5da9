// Actions with something inside, or with many words.
import * as v from './values.mjs';

/** Mostly a table behind the flow's own, so that few resubmissions go in circles; those are of interest too. */
export function laterTable(random, { table }) {
  const last = v.TABLES.at(-1);
  if (random.oneIn(40)) return random.pick(v.TABLES);
  return table >= last ? random.pick(v.LEARNED) : random.between(table + 1, last);
}

export function resubmit(random, scope) {
  const port = random.oneIn(5) ? random.pick([v.port(random), 'in_port']) : '';
  return `resubmit(${port},${laterTable(random, scope)})`;
}

export function group(random, { groups, features }) {
  if (groups.length === 0) return `output:${v.port(random)}`;
  features.add('group');
  return `group:${random.pick(groups)}`;
}

export function controller(random) {
  return random.pick([
    'CONTROLLER:65535',
    'CONTROLLER:128',
    'controller(reason=action,max_len=100,id=0)',
    'controller(userdata=01.02.03)',
    'controller(max_len=64,pause)',
    'controller(reason=no_match)',
  ]);
}

const members = (random) => random.sample([1, 2, 3, 4, 5, 6], random.between(1, 3)).join(',');
const hash = (random) =>
  random.pick([
    'eth_src',
    'symmetric_l4',
    'symmetric_l3l4',
    'symmetric_l3l4+udp',
    'nw_src',
    'nw_dst',
    'symmetric_l3',
  ]);

export function multipath(random) {
  const link = random.pick(['NXM_NX_REG0[0..15]', 'NXM_NX_REG1[0..7]', 'NXM_NX_REG2[]']);
  const algorithm = random.pick(['modulo_n', 'hash_threshold', 'hrw', 'iter_hash']);
  return `multipath(${hash(random)},${random.pick([50, 1024, 7])},${algorithm},${random.between(1, 7)},0,${link})`;
}

export function bundle(random) {
  const how = `${hash(random)},${random.pick([0, 3, 50])},${random.pick(['hrw', 'active_backup'])},ofport`;
  if (random.oneIn(3)) return `bundle_load(${how},NXM_NX_REG0[0..15],members:${members(random)})`;
  return `bundle(${how},members:${members(random)})`;
}

export function learn(random, { protocol }) {
  const parts = [`table=${random.pick(v.LEARNED)}`, `priority=${random.pick([1, 10, 100])}`];
  if (random.oneIn(2)) parts.push(`idle_timeout=${random.pick([10, 60])}`);
  if (random.oneIn(3)) parts.push('hard_timeout=300');
  if (random.oneIn(4)) parts.push(`cookie=${random.pick(['0x1', '0x1234'])}`);
  if (random.oneIn(6)) parts.push('delete_learned');
  if (protocol === 'tcp' && random.oneIn(4)) parts.push('fin_idle_timeout=5');
  if (random.oneIn(8)) parts.push('limit=10,result_dst=NXM_NX_REG3[0]');
  if (random.oneIn(3)) parts.push('NXM_OF_VLAN_TCI[0..11]');
  parts.push('NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]');
  if (protocol === 'tcp') {
    parts.push('eth_type=0x800,nw_proto=6');
    if (random.oneIn(2)) parts.push('NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[]');
  } else if (protocol === 'udp') {
    parts.push('eth_type=0x800,nw_proto=17');
    if (random.oneIn(2)) parts.push('NXM_OF_UDP_SRC[]=NXM_OF_UDP_DST[]');
  } else if (protocol === 'ip' && random.oneIn(2)) {
    parts.push('eth_type=0x800,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[]');
  }
  parts.push(
    random.pick([
      'output:NXM_OF_IN_PORT[]',
      'load:0x5->NXM_NX_REG1[]',
      'load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]',
    ]),
  );
  return `learn(${parts.join(',')})`;
}

export function sample(random) {
  const parts = [
    `probability=${random.pick([1, 1000, 65535])}`,
    `collector_set_id=${random.pick([1, 2])}`,
    'obs_domain_id=0',
    `obs_point_id=${random.pick([0, 9])}`,
  ];
  if (random.oneIn(3)) parts.push(`sampling_port=${v.port(random)}`);
  if (random.oneIn(4)) parts.push(random.pick(['egress', 'ingress']));
  return `sample(${parts.join(',')})`;
}

export function clone(random, scope, makeActions) {
  if (scope.depth >= 2) return `output:${v.port(random)}`;
  return `clone(${makeActions(random, { ...scope, depth: scope.depth + 1 }, 2)})`;
}

export function ct(random, scope) {
  const parts = [];
  const commit = random.oneIn(2);
  if (commit) parts.push('commit');
  if (commit && random.oneIn(6)) parts.push('force');
  if (random.oneIn(2))
    parts.push(`zone=${random.pick(['1', '10', 'NXM_NX_REG0[0..15]', 'NXM_NX_CT_ZONE[]'])}`);
  if (random.oneIn(2)) parts.push(`table=${laterTable(random, scope)}`);
  const six = /6$|^n[as]$/.test(scope.protocol);
  if (commit && random.oneIn(3)) parts.push(execute(random));
  if (random.oneIn(4)) parts.push(commit ? nat(random, six) : 'nat');
  if (commit && scope.protocol === 'tcp' && random.oneIn(8)) parts.push('alg=ftp');
  return `ct(${parts.join(',')})`;
}

const execute = (random) =>
  random.pick([
    'exec(set_field:0x1->ct_mark)',
    'exec(set_field:0x5/0xff->ct_mark)',
    'exec(set_field:0x1->ct_mark,set_field:0x2->ct_label)',
    'exec(load:0x1->NXM_NX_CT_LABEL[0..31])',
    'exec(move:NXM_NX_REG1[]->NXM_NX_CT_MARK[])',
  ]);

function nat(random, six) {
  const four = [
    'nat(src=10.9.9.9)',
    'nat(dst=10.8.8.8)',
    'nat(src=10.9.9.9:1000-2000,random)',
    'nat(src=10.9.9.1-10.9.9.9:1000-2000)',
    'nat(dst=10.8.8.8:80,hash)',
    'nat(src=10.9.9.1-10.9.9.9,persistent)',
    'nat',
  ];
  return random.pick(
    six ? ['nat(src=fd00::9)', 'nat(src=fd00::9-fd00::19)', 'nat(dst=fd00::8)', 'nat'] : four,
  );
}

/** What may stand in write_actions and in the bucket of a group: each kind once. */
export function actionSet(random, scope) {
  const parts = [];
  if (random.oneIn(4)) parts.push(`set_field:${v.mac(random)}->eth_${random.pick(['src', 'dst'])}`);
  if (random.oneIn(8)) parts.push('push_vlan:0x8100');
  if (random.oneIn(10)) parts.push('strip_vlan');
  if (random.oneIn(8) && /^(ip|tcp|udp|icmp|sctp)/.test(scope.protocol)) parts.push('dec_ttl');
  if (random.oneIn(12)) parts.push(`set_queue:${random.pick([0, 5])}`);
  parts.push(random.oneIn(3) ? group(random, scope) : `output:${v.port(random)}`);
  return parts.join(',');
}
