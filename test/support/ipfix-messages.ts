/** An IPFIX message, taken apart (RFC 7011, 3). */
export interface IpfixMessage {
  readonly seconds: number;
  readonly sequence: number;
  readonly domain: number;
  readonly sets: readonly { readonly id: number; readonly content: Buffer }[];
}

export interface IpfixField {
  /** Enterprise and number: `0.8`. */
  readonly name: string;
  /** Bytes, 65535 for a variable length. */
  readonly length: number;
}

/** Takes a message apart, strictly. Throws for one whose lengths do not fit. */
export function readIpfix(message: Buffer): IpfixMessage {
  const fail = (why: string) => new Error(`${why}: ${message.toString('hex')}`);
  if (message.readUInt16BE(0) !== 10) throw fail('not IPFIX');
  if (message.readUInt16BE(2) !== message.length) throw fail('wrong length of the message');
  const sets: { id: number; content: Buffer }[] = [];
  for (let at = 16; at < message.length; ) {
    const length = message.readUInt16BE(at + 2);
    if (length < 4 || at + length > message.length) throw fail('wrong length of a set');
    sets.push({ id: message.readUInt16BE(at), content: message.subarray(at + 4, at + length) });
    at += length;
  }
  return {
    seconds: message.readUInt32BE(4),
    sequence: message.readUInt32BE(8),
    domain: message.readUInt32BE(12),
    sets,
  };
}

/** The templates of a set of templates (2) or options templates (3), by number. Throws when the set does not end with the last one. */
export function readTemplates(set: {
  readonly id: number;
  readonly content: Buffer;
}): Map<number, IpfixField[]> {
  const { id, content } = set;
  const templates = new Map<number, IpfixField[]>();
  let at = 0;
  while (at < content.length) {
    const number = content.readUInt16BE(at);
    const fields: IpfixField[] = [];
    const count = content.readUInt16BE(at + 2);
    at += id === 3 ? 6 : 4;
    for (let i = 0; i < count; i++) {
      const element = content.readUInt16BE(at);
      const length = content.readUInt16BE(at + 2);
      const enterprise = element & 0x8000 ? content.readUInt32BE(at + 4) : 0;
      at += element & 0x8000 ? 8 : 4;
      fields.push({ name: `${enterprise}.${element & 0x7fff}`, length });
    }
    templates.set(number, fields);
  }
  if (at !== content.length) throw new Error('a template is cut off');
  return templates;
}

/** The records of a data set, as fields in order. Throws when the set does not end with the last one: no padding is needed nor sent. */
export function readRecords(
  content: Buffer,
  template: readonly IpfixField[],
): [name: string, value: Buffer][][] {
  const records: [string, Buffer][][] = [];
  let at = 0;
  while (at < content.length) {
    const fields: [string, Buffer][] = [];
    for (const { name, length } of template) {
      const size = length === 0xffff ? content[at++] : length;
      if (at + size > content.length) throw new Error('a record is cut off');
      fields.push([name, content.subarray(at, at + size)]);
      at += size;
    }
    records.push(fields);
  }
  return records;
}
