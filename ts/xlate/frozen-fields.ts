import { F_CT_STATE, F_IN_PORT, F_METADATA, F_REG0, F_TUN_ID, F_TUN_OPTS_LEN } from '../fields/index.js';
import type { MatchField } from '../openflow/index.js';

const REGISTERS = 16;

/** Whether a frozen state holds the field, so that the recirculation id stands for its value (OVS: mf_is_frozen_metadata). */
export function isFrozen(field: MatchField): boolean {
  const { word } = field;
  return (
    word === F_IN_PORT ||
    (word >= F_TUN_ID && word < F_METADATA && word > F_CT_STATE) ||
    word >= F_TUN_OPTS_LEN ||
    (word >= F_METADATA && word < F_REG0 + REGISTERS)
  );
}
