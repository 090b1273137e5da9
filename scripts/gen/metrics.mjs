// node scripts/gen/metrics.mjs: writes the table of docs/metrics.md from what a switch serves. Needs dist/ and root.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Switch, switchMetrics } from '../../dist/index.js';

const page = fileURLToPath(new URL('../../docs/metrics.md', import.meta.url));
const sw = Switch.open({ datapath: { type: 'netdev', name: 'sp-metrics' } });
const metrics = await switchMetrics(sw).getMetricsAsJSON();
await sw.close();

/** Labels that a family can have; those without a sample yet do not tell. */
const LABELS = {
  slowpath_upcalls_total: 'class, port',
  slowpath_flow_deletions_total: 'reason',
  slowpath_ukeys: 'state',
};
const labelsOf = ({ name, values }) =>
  LABELS[name] ??
  Object.keys(values[0]?.labels ?? {})
    .filter((label) => label !== 'le')
    .join(', ');
const rows = metrics
  .sort((a, b) => (a.name < b.name ? -1 : 1))
  .map((metric) => {
    const labels = labelsOf(metric);
    return `| \`${metric.name}${labels ? `{${labels}}` : ''}\` | ${metric.type} | ${metric.help} |`;
  });
const table = ['| metric | type | what it tells |', '|---|---|---|', ...rows].join('\n');
const text = readFileSync(page, 'utf8');
writeFileSync(page, text.replace(/(<!-- table -->\n)[\s\S]*(\n<!-- end -->)/, `$1${table}$2`));
