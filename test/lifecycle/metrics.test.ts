import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseMetricsAddress, MetricsServer, switchMetrics } from '../../ts/metrics/index.js';
import { arpFrame, udpFrame } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { root } from '../support/processes.js';
import { describeSwitch } from '../support/switch-rig.js';
import { sendFrames } from '../support/traffic.js';

const document = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');

/** The value of a sample by its line's beginning; undefined when there is none. */
function sample(text: string, start: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${start} `));
  return line === undefined ? undefined : Number(line.slice(start.length + 1));
}

/** Names of the metrics that a text declares. */
const declared = (text: string) => [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name).sort();

describeSwitch('metrics', (rig) => {
  async function scrape(server: MetricsServer): Promise<string> {
    const response = await fetch(server.url);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.contain('version=0.0.4');
    return response.text();
  }

  it('tell upcalls by class and port, batches, stages, flows, deletions and losses', async () => {
    const { theSwitch, bridge } = rig().open({ bridge: { failMode: 'secure' }, policy: { maxIdle: 600 } });
    theSwitch.addFlows(bridge, 'actions=output:2');
    await using server = await MetricsServer.listen(theSwitch, { port: 0 });
    sendFrames(rig().hosts[0].namespace, 'eth0', [udpFrame()]);
    sendFrames(rig().hosts[2].namespace, 'eth0', [arpFrame('02:00:00:00:00:0a', '10.0.0.8', '10.0.0.9')]);
    await eventually('two flows', () => theSwitch.stats().upcall.installs === 2);
    const text = await scrape(server);
    const counted = (start: string) => sample(text, start);
    expect(counted('slowpath_upcalls_total{class="miss",port="p1"}')).to.equal(1);
    expect(counted('slowpath_upcalls_total{class="miss",port="p3"}')).to.equal(1);
    expect(counted('slowpath_upcall_miss_total')).to.equal(2);
    expect(counted('slowpath_dp_lost_total')).to.equal(0);
    expect(counted('slowpath_flow_limit')).to.equal(10_000);
    expect(counted('slowpath_upcall_batch_size_bucket{le="+Inf"}')).to.equal(
      counted('slowpath_upcall_batch_size_count'),
    );
    expect(counted('slowpath_upcall_batch_size_sum')).to.equal(2);
    for (const stage of ['classify', 'translate', 'install', 'send']) {
      expect(counted(`slowpath_upcall_stage_seconds_count{stage="${stage}"}`), stage).to.be.above(0);
      expect(counted(`slowpath_upcall_stage_seconds_sum{stage="${stage}"}`), stage).to.be.above(0);
    }
    expect(text).to.match(/^slowpath_info\{version="[^"]+",datapath="\w+@\S+"\} 1$/m);
    expect(counted('process_resident_memory_bytes')).to.be.above(1e6);
    await eventually('idle flows are gone', async () => {
      const later = await scrape(server);
      return (
        sample(later, 'slowpath_flow_deletions_total{reason="idle"}') === 2 &&
        sample(later, 'slowpath_flows') === 0
      );
    });
  });

  it('time receiving and decoding', async () => {
    const { theSwitch, bridge } = rig().open({ bridge: { failMode: 'secure' } });
    theSwitch.addFlows(bridge, 'udp actions=controller');
    await using server = await MetricsServer.listen(theSwitch, { port: 0 });
    await eventually('batches enough to have timed some', async () => {
      sendFrames(rig().hosts[0].namespace, 'eth0', Array<Buffer>(20).fill(udpFrame()));
      const text = await scrape(server);
      return ['receive', 'decode', 'deliver'].every(
        (stage) => (sample(text, `slowpath_upcall_stage_seconds_sum{stage="${stage}"}`) ?? 0) > 0,
      );
    });
  });

  it('are all explained in docs/metrics.md, and it explains no others', async () => {
    const { theSwitch } = rig().open();
    await using server = await MetricsServer.listen(theSwitch, { port: 0 });
    const explained = [...document('metrics.md').matchAll(/^\| `(\w+)(?:\{[^}]*\})?` \|/gm)]
      .map(([, name]) => name)
      .sort();
    expect(explained, 'node scripts/gen/metrics.mjs writes the page').to.deep.equal(
      declared(await scrape(server)),
    );
  });

  it('of the dashboard are among them', async () => {
    const { theSwitch } = rig().open();
    await using server = await MetricsServer.listen(theSwitch, { port: 0 });
    const names = new Set(declared(await scrape(server)));
    const dashboard = JSON.parse(document('grafana-dashboard.json')) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(queries.length).to.be.above(10);
    for (const query of queries) {
      const used = query.match(/\b(?:slowpath|process)_\w+/g) ?? [];
      expect(used, query).not.to.be.empty;
      for (const name of used) expect(names, query).to.include(name.replace(/_(bucket|sum|count)$/, ''));
    }
  });

  it('ask the switch once for each time that they are asked for', async () => {
    const { theSwitch } = rig().open();
    const stats = theSwitch.stats.bind(theSwitch);
    let asked = 0;
    theSwitch.stats = () => {
      asked++;
      return stats();
    };
    const registry = switchMetrics(theSwitch);
    for (const times of [1, 2, 3]) {
      await new Promise(setImmediate);
      if (times === 1) asked = 0;
      expect(await registry.metrics()).to.contain('slowpath_flows 0');
      expect(asked).to.equal(times);
    }
  });

  it('are at /metrics only, and asked for with GET', async () => {
    const { theSwitch } = rig().open();
    const server = await MetricsServer.listen(theSwitch, { port: 0 });
    expect((await fetch(new URL('/', server.url))).status).to.equal(404);
    expect((await fetch(server.url, { method: 'POST' })).status).to.equal(405);
    expect((await fetch(server.url, { method: 'HEAD' })).status).to.equal(200);
    const { port } = new URL(server.url);
    const taken = await MetricsServer.listen(theSwitch, { port: Number(port) }).catch((error) => error);
    expect(taken).to.include({ code: 'ERR_METRICS_LISTEN' });
    await server.close();
    await server.close();
  });

  it('addresses are read', () => {
    expect(parseMetricsAddress('9273')).to.deep.equal({ port: 9273 });
    expect(parseMetricsAddress('0.0.0.0:9273')).to.deep.equal({ host: '0.0.0.0', port: 9273 });
    expect(parseMetricsAddress('[::1]:0')).to.deep.equal({ host: '::1', port: 0 });
    for (const wrong of ['', 'x', '1:2:3', '70000', '[::1]', ':80'])
      expect(() => parseMetricsAddress(wrong), wrong)
        .to.throw(/give PORT/)
        .that.includes({ code: 'ERR_METRICS_ADDRESS' });
  });
});
