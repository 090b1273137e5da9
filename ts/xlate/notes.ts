import { F_IN_PORT } from '../fields/index.js';
import {
  type Action,
  formatAction,
  formatFieldValue,
  formatSubfield,
  type Subfield,
} from '../openflow/index.js';
import { executionOrder } from './action-order.js';
import type { Pass } from './pass.js';
import { readSubfield } from './subfield.js';
import type { ActionSet } from './scope.js';
import type { XBucket, XBundle } from './types.js';

// What a tracer is told in OVS's words where the words hang on the packet. To be called with a tracer only: texts cost.

/** Bits of vlan_vid that a range names; its value has another, which says that there is a tag. */
const VID_BITS = 12;
const NO_PORT = 0xffff;
const NO_GROUP = 0xffffffff;

/** A field or a part of it was written: what it holds now (OVS: xlate_report_subfield). */
export function noteSubfield(pass: Pass, target: Subfield): void {
  const { field, bits } = target;
  const isWhole = bits === field.bits || (bits === VID_BITS && field.name === 'vlan_vid');
  const value = isWhole ? formatFieldValue(field, pass.flow) : partValue(pass, target);
  pass.note(`${formatSubfield(target)} is now ${value}`);
}

/** Bits of a field are a plain number, whatever the field is. */
function partValue(pass: Pass, target: Subfield): string {
  const value = numberOf(pass, target);
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

function numberOf(pass: Pass, subfield: Subfield): bigint {
  const words = new Int32Array(4);
  readSubfield(pass.flow, subfield, words);
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

/** The port that an output to a field goes to; OVS looks at its low 64 bits. */
export function noteOutputPort(pass: Pass, source: Subfield, isInRange: boolean): void {
  const port = BigInt.asUintN(64, numberOf(pass, source));
  if (isInRange) pass.note(`output port is ${port}`);
  else pass.note(`output port ${port} is out of range`, 'warn');
}

/** What the action set will do (`is`), or would have done (`was`), in the order in which it is carried out. */
export function noteActionSet(pass: Pass, verb: 'is' | 'was', { actions, length }: ActionSet): void {
  const list: Action[] = [];
  const size = executionOrder(actions, length, list);
  const text = list
    .slice(0, size)
    .map((action) => formatAction(action))
    .join(',');
  pass.note(text === '' ? `action set ${verb} empty` : `action set ${verb}: ${text}`);
}

/** Why a bucket is passed over. OVS calls groups ports here too. */
export function noteDeadBucket(pass: Pass, { bucketId, watchPort, watchGroup }: XBucket): void {
  const watched = [
    ...(watchPort === NO_PORT ? [] : [`port ${watchPort}`]),
    ...(watchGroup === NO_GROUP ? [] : [`port ${watchGroup}`]),
  ];
  pass.note(`bucket ${bucketId}: not live due to ${watched.join(' and ')}`);
}

/** The packet came by a port that the bridge has not (OVS: lookup_input_bundle). */
export function noteUnknownPort(pass: Pass): void {
  pass.note(`received packet on unknown port ${pass.flow[F_IN_PORT]}`, 'error');
}

/** Why a bundle does not take packets of a VLAN (OVS: input_vid_is_valid). */
export function noteRefusedVid(pass: Pass, bundle: XBundle, vlan: number): void {
  const { name, vlanMode, tag } = bundle;
  if (vlanMode === 'access') {
    pass.note(
      `dropping VLAN ${vlan} tagged packet received on port ${name} configured as VLAN ${tag} access port`,
      'error',
    );
  } else if (vlanMode === 'dot1q-tunnel') {
    pass.note(
      `dropping VLAN ${vlan} packet received on dot1q-tunnel port ${name} that excludes this VLAN`,
      'error',
    );
  } else {
    pass.note(
      `dropping VLAN ${vlan} packet received on port ${name} not configured for trunking VLAN ${vlan}`,
      'error',
    );
  }
}
