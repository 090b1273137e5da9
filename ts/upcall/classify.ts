import {
  OVS_PACKET_CMD_MISS,
  UPCALL_CMD,
  UPCALL_FITNESS,
  UPCALL_ROW_WORDS,
  UPCALL_USERDATA_LEN,
  UPCALL_USERDATA_OFF,
} from '../fields/index.js';
import {
  COOKIE_BYTES,
  COOKIE_CONTROLLER,
  COOKIE_FLOW_SAMPLE,
  COOKIE_IPFIX,
  COOKIE_SFLOW,
  COOKIE_SLOW_PATH,
  cookieType,
} from '../flow/index.js';

/** Class of an upcall; the values index UPCALL_CLASSES. */
export const UPCALL_MISS = 0;
export const UPCALL_SLOW_PATH = 1;
export const UPCALL_SFLOW = 2;
export const UPCALL_FLOW_SAMPLE = 3;
export const UPCALL_IPFIX = 4;
export const UPCALL_CONTROLLER = 5;
export const UPCALL_BAD_NO_COOKIE = 6;
export const UPCALL_BAD_COOKIE_SIZE = 7;
export const UPCALL_BAD_COOKIE_TYPE = 8;
export const UPCALL_BAD_KEY = 9;

export const UPCALL_CLASSES = [
  'miss',
  'slow_path',
  'sflow',
  'flow_sample',
  'ipfix',
  'controller',
  'bad',
  'bad',
  'bad',
  'bad',
] as const;
export type UpcallClassName = (typeof UPCALL_CLASSES)[number];

/** Why an upcall is bad, by class value; undefined for the good ones. */
export const BAD_REASONS: readonly (string | undefined)[] = [
  ...Array<undefined>(6),
  'action upcall without a cookie',
  'cookie of unexpected size',
  'cookie of unknown type',
  'malformed flow key',
];

const FITNESS_ERROR = 3;

/**
 * Decides what an upcall is for, as OVS's classify_upcall(): a miss by its command, an action by type and size of the cookie
 * that the userspace action carried (struct user_action_cookie of OVS 3.1, always whole). Does not allocate.
 */
export function classifyUpcall(rows: Int32Array, row: number, slab: Uint8Array): number {
  const base = row * UPCALL_ROW_WORDS;
  if (rows[base + UPCALL_FITNESS] === FITNESS_ERROR) return UPCALL_BAD_KEY;
  if (rows[base + UPCALL_CMD] === OVS_PACKET_CMD_MISS) return UPCALL_MISS;
  const length = rows[base + UPCALL_USERDATA_LEN];
  return length === 0 ? UPCALL_BAD_NO_COOKIE : classifyCookie(slab, rows[base + UPCALL_USERDATA_OFF], length);
}

function classifyCookie(slab: Uint8Array, offset: number, length: number): number {
  if (length !== COOKIE_BYTES) return UPCALL_BAD_COOKIE_SIZE;
  switch (cookieType(slab, offset, length)) {
    case COOKIE_SFLOW:
      return UPCALL_SFLOW;
    case COOKIE_SLOW_PATH:
      return UPCALL_SLOW_PATH;
    case COOKIE_FLOW_SAMPLE:
      return UPCALL_FLOW_SAMPLE;
    case COOKIE_IPFIX:
      return UPCALL_IPFIX;
    case COOKIE_CONTROLLER:
      return UPCALL_CONTROLLER;
    default:
      return UPCALL_BAD_COOKIE_TYPE;
  }
}
