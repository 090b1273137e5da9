import { type IpfixField, readIpfix, readRecords, readTemplates } from './ipfix-messages.js';

/** Elements of VMware that tell of tunnels. */
const TUNNEL = { source: 893, destination: 894, protocol: 895, port: 897, type: 891, key: 892 };

/** Of each record: direction, the interface that it names last, and what it says of a tunnel. */
export function describeRecords(messages: readonly Buffer[]): object[] {
  const templates = new Map<number, IpfixField[]>();
  const records: object[] = [];
  for (const { sets } of messages.map(readIpfix)) {
    for (const set of sets) {
      if (set.id <= 3) for (const [id, fields] of readTemplates(set)) templates.set(id, fields);
      if (set.id < 256 || set.id === 462) continue;
      for (const record of readRecords(set.content, templates.get(set.id)!)) {
        const all = new Map(record);
        const tunnel = Object.entries(TUNNEL).flatMap(([name, element]) => {
          const value = all.get(`6876.${element}`);
          return value === undefined ? [] : [[name, value.toString('hex')]];
        });
        records.push({
          direction: all.get('0.61')![0],
          name: all.get('0.82')!.toString(),
          ...Object.fromEntries(tunnel),
        });
      }
    }
  }
  return records.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
