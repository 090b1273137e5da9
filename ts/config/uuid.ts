import { createHash } from 'node:crypto';

/**
 * The UUID of a row. Made from what tells the row apart (RFC 9562, version 5 without a name space), so that the same
 * configuration read twice has the same rows, and a difference shows only what differs.
 */
export function rowUuid(table: string, identity: string): string {
  const hash = createHash('sha1').update(`${table}/${identity}`).digest();
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** Whether text has the form of a UUID. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}
