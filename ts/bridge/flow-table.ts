import type { TableSettings } from '../classifier/index.js';
import type { Configuration, Row } from '../config/index.js';

/** Settings of a bridge's flow tables: its Flow_Table records, by table number. */
export function tableSettings(configuration: Configuration, bridge: Row): Map<number, TableSettings> {
  const settings = new Map<number, TableSettings>();
  for (const [number, uuid] of bridge.map('flow_tables')) {
    const row = configuration.row('Flow_Table', uuid as string)!;
    settings.set(number as number, {
      name: row.text('name'),
      flowLimit: row.number('flow_limit') ?? Number.POSITIVE_INFINITY,
      evict: row.text('overflow_policy') === 'evict',
      prefixes: row.texts('prefixes'),
    });
  }
  return settings;
}
