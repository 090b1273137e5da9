import {
  F_CT_LABEL,
  F_CT_MARK,
  OVS_ACTION_ATTR_CT,
  OVS_CT_ATTR_COMMIT,
  OVS_CT_ATTR_EVENTMASK,
  OVS_CT_ATTR_FORCE_COMMIT,
  OVS_CT_ATTR_HELPER,
  OVS_CT_ATTR_LABELS,
  OVS_CT_ATTR_MARK,
  OVS_CT_ATTR_ZONE,
} from '../fields/index.js';
import { commit } from './commit.js';
import { clearConntrack } from './conntrack.js';
import { writeNat } from './ct-nat.js';
import { recirculate } from './freeze.js';
import { isFrozen } from './frozen-fields.js';
import type { ActionOf, Handler, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import { markSubfield, subfieldNumber } from './subfield.js';

const HELPERS = {
  ftp: Uint8Array.from([0x66, 0x74, 0x70, 0]),
  tftp: Uint8Array.from([0x74, 0x66, 0x74, 0x70, 0]),
};
/** New, related and destroyed connections, changed marks and labels: what OVS lets be told of commits. */
const EVENTS = 0x1 | 0x2 | 0x4 | 0x80 | 0x400;
const LABEL_WORDS = 4;

/** Value and mask of an attribute, at most 16 bytes each. */
const content = new Int32Array(2 * LABEL_WORDS);
const contentBytes = new Uint8Array(content.buffer);

/** The zone. A field that a frozen state fixes needs no match when the packet went on from one. */
function zoneOf(pass: Pass, zone: ActionOf<'ct'>['zone']): number {
  if (typeof zone === 'number') return zone;
  if (pass.thawed === null || !isFrozen(zone.field)) markSubfield(pass.mask, zone);
  return subfieldNumber(pass.flow, zone) & 0xffff;
}

function writeMark(pass: Pass): void {
  const { flow, mask, writer } = pass;
  const bits = mask[F_CT_MARK];
  if (bits === 0) return;
  content[0] = flow[F_CT_MARK] & bits;
  content[1] = bits;
  writer.attribute(OVS_CT_ATTR_MARK, contentBytes, 0, 8);
}

/** Labels are in the order of a little-endian host: least significant word first. */
function writeLabel(pass: Pass): void {
  const { flow, mask, writer } = pass;
  let any = 0;
  for (let i = 0; i < LABEL_WORDS; i++) {
    const bits = mask[F_CT_LABEL + i];
    any |= bits;
    content[LABEL_WORDS - 1 - i] = flow[F_CT_LABEL + i] & bits;
    content[2 * LABEL_WORDS - 1 - i] = bits;
  }
  if (any !== 0) writer.attribute(OVS_CT_ATTR_LABELS, contentBytes, 0, 32);
}

function writeCt(pass: Pass, action: ActionOf<'ct'>, zone: number): void {
  const { writer, snapshot } = pass;
  const ct = writer.begin(OVS_ACTION_ATTR_CT);
  if (action.commit) {
    writer.flag(action.force ? OVS_CT_ATTR_FORCE_COMMIT : OVS_CT_ATTR_COMMIT);
    if (snapshot.support.ctEventmask) writer.u32(OVS_CT_ATTR_EVENTMASK, EVENTS);
  }
  writer.u16(OVS_CT_ATTR_ZONE, zone);
  writeMark(pass);
  writeLabel(pass);
  if (action.alg !== null) {
    const name = HELPERS[action.alg];
    writer.attribute(OVS_CT_ATTR_HELPER, name, 0, name.length);
  }
  if (action.nat !== null) writeNat(writer, action.nat);
  writer.end(ct);
}

/** Does the actions of exec(…), among which OVS counts nat. */
function doExec(pass: Pass, { nat, exec }: ActionOf<'ct'>): void {
  const isToldNat = nat !== null && pass.tracer !== null;
  if (isToldNat && nat.afterExec !== true) pass.tracer!.nat(nat);
  if (exec.length > 0 || nat === null) pass.pipeline.execute(exec, exec.length, 0);
  if (isToldNat && nat.afterExec === true) pass.tracer!.nat(nat);
}

/**
 * Connection tracking (OVS: compose_conntrack_action). Mark and label that `exec` sets go into the action alone. With a table a copy
 * goes on there when the tracker knows the connection; the packet itself goes on here, untracked.
 */
export function actCt(pass: Pass, action: ActionOf<'ct'>): Outcome {
  const { mask } = pass;
  const zone = zoneOf(pass, action.zone);
  const mark = mask[F_CT_MARK];
  const l0 = mask[F_CT_LABEL];
  const l1 = mask[F_CT_LABEL + 1];
  const l2 = mask[F_CT_LABEL + 2];
  const l3 = mask[F_CT_LABEL + 3];
  commit(pass);
  mask[F_CT_MARK] = 0;
  mask.fill(0, F_CT_LABEL, F_CT_LABEL + LABEL_WORDS);
  doExec(pass, action);
  writeCt(pass, action, zone);
  mask[F_CT_MARK] = mark;
  mask[F_CT_LABEL] = l0;
  mask[F_CT_LABEL + 1] = l1;
  mask[F_CT_LABEL + 2] = l2;
  mask[F_CT_LABEL + 3] = l3;
  if (action.table !== null) {
    pass.conntracked = true;
    pass.freezing = true;
    const id = recirculate(pass, action.table);
    if (id !== 0 && pass.tracer !== null) pass.tracer.fork(id, action.table, pass.flow, zone, action.nat);
  }
  clearConntrack(pass);
  pass.note('Sets the packet to an untracked state, and clears all the conntrack fields.');
  return 'continue';
}

export const actCtClear: Handler<'ct_clear'> = (pass) => {
  if (!pass.conntracked) return 'continue';
  clearConntrack(pass);
  if (pass.snapshot.support.ctClear) pass.writer.ctClear();
  return 'continue';
};
