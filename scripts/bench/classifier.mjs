// Nanoseconds per classifier lookup for 1, 100, 10,000 and 100,000 rules: median of five runs and their spread. Rules have 8
// masks, as an access list would. Needs the compiled package: `npm run build:ts` first.
import { Classifier } from '../../dist/classifier/index.js';
import { emptyMatch, parseFlow } from '../../dist/openflow/index.js';

const LOOKUPS = 200_000;
const FLOWS = 1024;
const MASKS = [
  (i) => `ip,nw_dst=10.${(i >> 8) & 255}.${i & 255}.0/24`,
  (i) => `tcp,nw_dst=10.${(i >> 8) & 255}.${i & 255}.7,tp_dst=${80 + (i % 7)}`,
  (i) => `in_port=${1 + (i % 60)},dl_dst=50:54:00:${hex(i >> 16)}:${hex(i >> 8)}:${hex(i)}`,
  (i) => `udp,nw_src=172.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255},tp_dst=53`,
  (i) => `dl_vlan=${1 + (i % 4000)},dl_src=50:54:01:${hex(i >> 16)}:${hex(i >> 8)}:${hex(i)}`,
  (i) => `tcp,nw_src=10.${(i >> 8) & 255}.${i & 255}.0/24,nw_dst=192.168.0.0/16`,
  (i) => `ipv6,ipv6_dst=fd00:${(i & 0xffff).toString(16)}::/48`,
  (i) => `arp,arp_tpa=10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
];
const hex = (number) => (number & 255).toString(16).padStart(2, '0');

/** Rules in rotation of the masks; the last matches everything. */
function fill(count) {
  const classifier = new Classifier();
  classifier.insert({ match: emptyMatch(), priority: 0 });
  for (let i = 1; i < count; i++) {
    const { match } = parseFlow(`${MASKS[i % MASKS.length](i >> 3)} actions=drop`);
    classifier.insert({ match, priority: 1 + (i % 1000) });
  }
  return classifier;
}

function packets() {
  const one = (i) =>
    `tcp,in_port=1,dl_src=50:54:01:00:00:${hex(i)},dl_dst=50:54:00:00:00:${hex(i * 7)},nw_src=10.0.${i & 255}.9,` +
    `nw_dst=10.${(i >> 8) & 255}.${(i * 3) & 255}.7,nw_ttl=64,tp_src=${1024 + i},tp_dst=${80 + (i % 9)} actions=drop`;
  return Array.from({ length: FLOWS }, (_, i) => parseFlow(one(i)).match.key);
}

function measure(classifier, flows) {
  const wildcards = emptyMatch().mask;
  const start = process.hrtime.bigint();
  for (let i = 0; i < LOOKUPS; i++) classifier.lookup(flows[i % FLOWS], 0, wildcards, 0);
  return Number(process.hrtime.bigint() - start) / LOOKUPS;
}

const flows = packets();
for (const count of [1, 100, 10_000, 100_000]) {
  const classifier = fill(count);
  measure(classifier, flows);
  const runs = Array.from({ length: 5 }, () => measure(classifier, flows)).sort((a, b) => a - b);
  const [low, median, high] = [runs[0], runs[2], runs[4]].map((ns) => ns.toFixed(0));
  console.log(`${count} rules: ${median} ns per lookup (${low} to ${high})`);
}
