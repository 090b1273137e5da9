import { eventually } from './eventually.js';
import { readIpfix, readTemplates } from './ipfix-messages.js';
import { LocalCollector } from './local-collector.js';
import { allFields, complaintsOf, dissect, type Dissected } from './tshark.js';

const IPFIX_PORT = 4739;
/** Template of the statistics of the exporting process. */
const PROCESS_TEMPLATE = 462;
/** Fields that tshark makes up itself, and those that no test can foresee. */
const PASSED_OVER =
  /^(?:string_len_short|template_frame|timedelta|abstimestart|abstimeend|flowset_id|flowset_length)$/;

/** A record as tshark reads it: fields without their prefix `cflow.`; of names that come twice (interface name) an `_2` for the second. */
export type IpfixRecord = Readonly<Record<string, string>>;

/** Records of flows in messages, without those of the exporting process. Throws when tshark complains of other things than are `excused`. */
export function recordsOf(dissected: readonly Dissected[], excused?: RegExp): IpfixRecord[] {
  const complaints = complaintsOf(dissected).filter((text) => !excused?.test(text));
  if (complaints.length > 0) throw new Error(`tshark complains: ${complaints.join('; ')}`);
  const records = dissected.flatMap((message) => {
    const domain = message.fields.find(({ name }) => name === 'cflow.od_id')!.show;
    return [...allFields(message)]
      .filter(({ text }) => /^Flow \d+$/.test(text))
      .map((one) => fieldsOf(one, domain));
  });
  return records.filter((record) => record.flow_exporter === undefined);
}

function fieldsOf(record: Dissected, domain: string): IpfixRecord {
  const fields: Record<string, string> = { od_id: domain };
  for (const { name, show } of allFields(record)) {
    const short = name.replace(/^cflow\./, '');
    if (!name.startsWith('cflow.') || PASSED_OVER.test(short)) continue;
    fields[short in fields ? `${short}_2` : short] = show;
  }
  return fields;
}

/** The records in messages that are one stream. */
export async function ipfixRecords(messages: readonly Buffer[]): Promise<IpfixRecord[]> {
  return recordsOf(await dissect(needed(messages), 'cflow', IPFIX_PORT));
}

/** Messages without those whose templates no record has: tshark takes long for them, above all under emulation. */
export function needed(messages: readonly Buffer[]): Buffer[] {
  const read = messages.map(readIpfix);
  const used = new Set(read.flatMap(({ sets }) => sets.map(({ id }) => id)));
  return messages.filter((_, i) =>
    read[i].sets.some((set) => set.id !== 2 || [...readTemplates(set).keys()].some((id) => used.has(id))),
  );
}

/** Whether a message has data of flows. */
export const hasData = (message: Buffer) =>
  readIpfix(message).sets.some(({ id }) => id >= 256 && id !== PROCESS_TEMPLATE);

/** Listens on UDP of 127.0.0.1. */
export class IpfixCollector {
  readonly #collector: LocalCollector;

  private constructor(collector: LocalCollector) {
    this.#collector = collector;
  }

  static async start(): Promise<IpfixCollector> {
    return new IpfixCollector(await LocalCollector.start());
  }

  get target(): string {
    return this.#collector.target;
  }

  get messages(): readonly Buffer[] {
    return this.#collector.datagrams;
  }

  /** Waits for as many records. */
  async until(count: number): Promise<void> {
    await eventually(`${count} records`, () => this.messages.filter(hasData).length >= count);
  }

  /** The records, once there are as many. */
  async records(count: number): Promise<IpfixRecord[]> {
    await this.until(count);
    return ipfixRecords(this.messages);
  }

  close(): void {
    this.#collector.close();
  }
}
