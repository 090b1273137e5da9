import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  type ArgvTrace,
  type BridgesCase,
  buildBridgesCase,
  type TraceSwitch,
  traceAsked,
} from '../../ts/trace/index.js';
import { type Comparison, judge, type RecordedTrace } from './trace-compare.js';

/** A translation of the upstream test suite with its configuration. */
export interface SuiteCase extends BridgesCase {
  readonly id: string;
  readonly name: string;
  readonly simple: boolean;
  readonly traces: readonly (RecordedTrace & ArgvTrace)[];
}

export function suiteCases(path: string): SuiteCase[] {
  return gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SuiteCase);
}

/** Compares all traces of a case. */
export function compareSuiteCase(entry: SuiteCase): Omit<Comparison, 'case'>[] {
  let built: TraceSwitch | null = null;
  return entry.traces.map((theirs, i) => {
    const id = `${entry.id}:${i}`;
    try {
      built ??= buildBridgesCase(entry);
      const ours = traceAsked(built, theirs);
      return { id, trace: theirs, ours, ...judge(ours, theirs) };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { id, trace: theirs, ours: null, verdict: 'refused', detail, bits: [0, 0] };
    }
  });
}
