// Records which bits the real ovs-vswitchd looks at: random rule sets on a dummy datapath in a private directory, random
// packets through `ofproto/trace`. Prints JSON for test/fixtures/classifier-ovs310.json. No root, no network is touched. With `prefixes` each set has
// other fields in the column `prefixes` of its Flow_Table, and tunnels, for test/fixtures/classifier-prefixes-ovs310.json.
// Usage: node scripts/record/classifier.mjs [SETS] [SEED] [prefixes]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureOvs } from '../test/ovs.mjs';

const sets = Number(process.argv[2] ?? 20);
const withPrefixes = process.argv[4] === 'prefixes';
const PREFIXES = [
  '',
  'none',
  'ip_src',
  'nw_dst',
  'nw_src,ip_dst',
  'ipv6_dst',
  'ipv6_src,nw_dst',
  'tun_dst,tun_src',
  'tun_id',
  'nw_dst,tun_id,tun_src',
];
let state = Number(process.argv[3] ?? 1) >>> 0;

/** Next of a repeatable sequence (mulberry32), 0 to n - 1. */
function random(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (list) => list[random(list.length)];
const address = () => `${pick([10, 11, 192])}.${pick([0, 1, 128])}.${pick([0, 1])}.${pick([1, 2, 3])}`;
const mac = () => `50:54:00:00:00:0${pick([1, 2, 3])}`;
const ports = [1, 80, 81, 443, 8080, 40000];

const outer = () => `172.31.${pick([0, 1])}.${pick([1, 2])}`;

function tunnelRule() {
  const parts = [];
  if (random(3) === 0) parts.push(`tun_dst=${outer()}/${pick([16, 24, 32])}`);
  if (random(4) === 0) parts.push(`tun_src=${outer()}/${pick([16, 24, 32])}`);
  if (random(4) === 0) parts.push(`tun_id=${pick([1, 2, 256])}${pick(['', '/0xffffffffffffff00'])}`);
  return parts;
}

function rule() {
  const parts = [`priority=${random(8)}`];
  if (withPrefixes && random(2) === 0) parts.push(...tunnelRule());
  if (random(4) === 0) parts.push(`in_port=${pick([1, 2])}`);
  if (random(5) === 0) parts.push(`dl_src=${mac()}`);
  if (random(4) === 0) parts.push(`dl_dst=${mac()}`);
  const type = pick(['', 'ip', 'tcp', 'udp', 'arp', 'ipv6', 'tcp', 'ip']);
  if (type !== '') parts.push(type);
  if (/^(ip|tcp|udp)$/.test(type)) {
    if (random(3) !== 0) parts.push(`nw_dst=${address()}/${pick([8, 16, 24, 32, 20])}`);
    if (random(3) === 0) parts.push(`nw_src=${address()}/${pick([8, 16, 24, 32])}`);
    if (random(8) === 0) parts.push('nw_ttl=64');
  }
  if (/^(tcp|udp)$/.test(type)) {
    if (random(2) === 0) parts.push(`tp_dst=${pick(ports)}${pick(['', '', '/0xfff0'])}`);
    if (random(4) === 0) parts.push(`tp_src=${pick(ports)}`);
  }
  if (type === 'ipv6' && random(2) === 0)
    parts.push(`ipv6_dst=fd0${random(2)}::${random(3)}/${pick([16, 64, 128])}`);
  return `${parts.join(',')} actions=drop`;
}

function packet() {
  const tunnel =
    withPrefixes && random(2) === 0
      ? `tun_id=${pick([0, 1, 2, 3, 256])},tun_src=${outer()},tun_dst=${outer()},tun_ttl=64,`
      : '';
  const head = `in_port=${pick([1, 2])},${tunnel}dl_src=${mac()},dl_dst=${mac()}`;
  const type = pick(['tcp', 'udp', 'tcp', 'udp', 'tcp', 'icmp', 'tcp6']);
  if (type === 'tcp6')
    return `${head},tcp6,ipv6_src=fd00::1,ipv6_dst=fd0${random(3)}::${random(3)},nw_ttl=64,tcp_src=5,tcp_dst=80`;
  const layer3 = `${type},nw_src=${address()},nw_dst=${address()},nw_ttl=${pick([64, 63])}`;
  if (type === 'icmp') return `${head},${layer3},icmp_type=8,icmp_code=0`;
  return `${head},${layer3},${type}_src=${pick(ports)},${type}_dst=${pick(ports)}`;
}

const dir = mkdtempSync(join(tmpdir(), 'slowpath-record-'));
const { path, schema } = await ensureOvs();
const env = {
  ...process.env,
  PATH: path,
  OVS_RUNDIR: dir,
  OVS_LOGDIR: dir,
  OVS_DBDIR: dir,
  OVS_SYSCONFDIR: dir,
};
const run = (command, ...args) =>
  execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const database = `unix:${dir}/db.sock`;
const control = (daemon) =>
  join(dir, `${daemon}.${readFileSync(join(dir, `${daemon}.pid`), 'utf8').trim()}.ctl`);

function setPrefixes(prefixes) {
  const clear = 'clear Bridge br0 flow_tables';
  const set = ` -- --id=@t create Flow_Table prefixes=${prefixes} -- set Bridge br0 flow_tables:0=@t`;
  run('ovs-vsctl', `--db=${database}`, ...`${clear}${prefixes === '' ? '' : set}`.split(' '));
}

try {
  run('ovsdb-tool', 'create', join(dir, 'conf.db'), schema);
  const detached = ['--pidfile', '--detach', '--no-chdir', '--log-file'];
  run('ovsdb-server', join(dir, 'conf.db'), `--remote=punix:${dir}/db.sock`, ...detached);
  run('ovs-vsctl', `--db=${database}`, '--no-wait', 'init');
  run('ovs-vswitchd', database, '--enable-dummy=override', '--disable-system', ...detached);
  const bridge = 'add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure';
  const port = (n) => `-- add-port br0 p${n} -- set interface p${n} type=dummy ofport_request=${n}`;
  run('ovs-vsctl', `--db=${database}`, ...`${bridge} ${port(1)} ${port(2)}`.split(' '));
  const cases = [];
  for (let i = 0; i < sets; i++) {
    const rules = Array.from({ length: 2 + random(24) }, rule);
    writeFileSync(join(dir, 'flows'), rules.join('\n'));
    const prefixes = withPrefixes ? pick(PREFIXES) : '';
    setPrefixes(prefixes);
    run('ovs-ofctl', 'del-flows', `unix:${dir}/br0.mgmt`);
    run('ovs-ofctl', 'add-flows', `unix:${dir}/br0.mgmt`, join(dir, 'flows'));
    const traces = Array.from({ length: 8 }, () => {
      const flow = packet();
      const text = run('ovs-appctl', '-t', control('ovs-vswitchd'), 'ofproto/trace', 'br0', flow);
      return { flow, megaflow: /^Megaflow: (.*)$/m.exec(text)[1] };
    });
    cases.push({ ...(withPrefixes ? { prefixes } : {}), rules, traces });
  }
  console.log(`[\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]`);
} finally {
  for (const daemon of ['ovs-vswitchd', 'ovsdb-server']) {
    try {
      run('ovs-appctl', '-t', control(daemon), 'exit');
    } catch {
      console.error(`${daemon} did not run or did not stop; its files were in ${dir}`);
    }
  }
  rmSync(dir, { recursive: true, force: true });
}
