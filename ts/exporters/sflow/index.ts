import { ACTIONS_LIMIT } from '../../flow/index.js';
import { type ExporterContext, type Protocol, zeroCounters } from '../exporter.js';
import { Egress } from './egress.js';
import { SFLOW_COUNTER_HELP, SflowExporter, type SflowShared } from './exporter.js';
import { type SflowSettings, sflowSettings } from './settings.js';

export type { SflowSettings } from './settings.js';

/** sFlow version 5 (table sFlow). Each bridge is a sub-agent; its number stays the same while it has sFlow. */
export function sflowProtocol(context: ExporterContext): Protocol<SflowSettings> {
  const exporters: SflowExporter[] = [];
  const shared: SflowShared = {
    context,
    counters: zeroCounters(SFLOW_COUNTER_HELP),
    egress: new Egress(),
    actions: new Uint8Array(ACTIONS_LIMIT),
    tellsGlobals: (exporter) => exporters.every(({ subAgent }) => subAgent >= exporter.subAgent),
    closed(exporter) {
      const at = exporters.indexOf(exporter);
      if (at >= 0) exporters.splice(at, 1);
    },
  };
  return {
    name: 'sflow',
    counters: shared.counters,
    counterHelp: SFLOW_COUNTER_HELP,
    settings: sflowSettings,
    create(bridge) {
      const taken = new Set(exporters.map(({ subAgent }) => subAgent));
      let free = 0;
      while (taken.has(free)) free++;
      const exporter = new SflowExporter(bridge, free, shared);
      exporters.push(exporter);
      return exporter;
    },
  };
}
