import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { bridgeStatisticsText, flowStatisticsText } from '../../ts/exporters/index.js';
import { INNER, ipfixFrames } from '../support/ipfix-frames.js';
import { type IpfixField, readIpfix, readRecords, readTemplates } from '../support/ipfix-messages.js';
import { IpfixRig, type RigSample } from '../support/ipfix-rig.js';
import { root } from '../support/processes.js';

interface Recorded {
  readonly name: string;
  readonly settings: { readonly timeout?: number; readonly limit?: number; readonly virtualId?: string };
  readonly samples: readonly (RigSample & { readonly frame: string })[];
  readonly flush?: string;
  readonly statistics: string;
  readonly datagrams: readonly string[];
}

const file = join(root, 'test/fixtures/ipfix-ovs310.json.gz');
const recordings = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recorded[];

/** The protocol of Geneve, which the daemon leaves out. */
const GENEVE_PROTOCOL = [/^6876\.895=00$/, '6876.895=11'] as const;

/** Of messages: templates by domain and number; records of each domain in order, by name and value. Times are left out. */
function describeMessages(messages: readonly Buffer[]) {
  const templates = new Map<string, IpfixField[]>();
  const records: (string | number)[][] = [];
  const shapes: string[] = [];
  for (const message of messages.map(readIpfix)) {
    for (const set of message.sets) {
      if (set.id <= 3) {
        const found = readTemplates(set);
        shapes.push(`${message.domain}: ${[...found.keys()].join(' ')}`);
        for (const [id, fields] of found) templates.set(`${message.domain} ${id}`, fields);
        continue;
      }
      for (const record of readRecords(set.content, templates.get(`${message.domain} ${set.id}`)!)) {
        const timeless = record.filter(([name]) => name !== '0.158' && name !== '0.159');
        const fields = timeless.map(([name, value]) => `${name}=${value.toString('hex')}`);
        records.push([message.domain, set.id, ...fields]);
      }
    }
  }
  return { templates: Object.fromEntries(templates), records, shapes };
}

describe('golden: IPFIX of ovs-vswitchd 3.1', () => {
  for (const recorded of recordings) {
    it(recorded.name, () => {
      const frames = ipfixFrames();
      const ofFlow = recorded.samples[0].domain === 5;
      const rig = new IpfixRig(recorded.settings, ofFlow ? 2 : 1);
      for (const sample of recorded.samples) {
        if (sample.input.startsWith('t-')) rig.sampleInner(INNER, sample, sample.frame);
        else rig.sample(frames[sample.frame], sample);
      }
      const { statistics } = rig.process;
      const text = ofFlow ? flowStatisticsText(new Map([[1, statistics]])) : bridgeStatisticsText(statistics);
      expect(text).to.equal(recorded.statistics.split('\n').slice(1).join('\n').trimEnd());
      if (recorded.flush !== undefined) rig.process.close();
      const theirs = describeMessages(recorded.datagrams.map((hex) => Buffer.from(hex, 'hex')));
      const ours = describeMessages(rig.messages);
      expect(ours.shapes, 'templates of each message').to.deep.equal(theirs.shapes);
      expect(ours.templates).to.deep.equal(theirs.templates);
      const expected = theirs.records.map((record) =>
        record.map((field) => `${field}`.replace(...GENEVE_PROTOCOL)),
      );
      expect(ours.records.map((record) => record.map(String))).to.deep.equal(expected);
    });
  }
});
