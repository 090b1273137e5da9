import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../support/processes.js';

/** A case with the answers of real Open vSwitch 3.1; fields as in docs of the fixture. */
export interface OdpCase {
  readonly kind: 'actions' | 'missflow' | 'packet' | 'key' | 'wckey';
  readonly in: string;
  readonly actions?: string;
  readonly text?: string;
  readonly textVerbose?: string;
  readonly error?: string;
  readonly key?: string;
  readonly mask?: string;
  readonly fitness?: string;
  readonly match?: string;
  readonly maskFitness?: string;
  readonly maskFromFlow?: string;
  readonly flow?: string;
  readonly packet?: string;
  readonly keyFromFlow?: string;
  readonly keyFromFlowText?: string;
}

function readCases(path: string): OdpCase[] {
  const lines = gunzipSync(readFileSync(path)).toString().split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as OdpCase);
}

export const odpCases = readCases(join(root, 'test/fixtures/odp-dev.jsonl.gz'));

/** Cases of OVS's own test suite, where SLOWPATH_SUITE_CASES names a folder that has odp.jsonl.gz; else none. */
export function suiteCases(): OdpCase[] {
  const folder = process.env.SLOWPATH_SUITE_CASES;
  return folder === undefined ? [] : readCases(join(folder, 'odp.jsonl.gz'));
}

export const fromHexText = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
