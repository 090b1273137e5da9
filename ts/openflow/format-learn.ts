import { formatFullValue } from './format-values.js';
import type { PortLabels } from './ports.js';
import { formatSubfield, sameSubfield } from './subfield.js';
import {
  type Action,
  DEFAULT_PRIORITY,
  LEARN_DELETE_LEARNED,
  LEARN_SEND_FLOW_REM,
  type LearnSpec,
} from './types.js';

function numberOf(words: Int32Array): bigint {
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

function formatSpec(spec: LearnSpec, ports: PortLabels | undefined): string {
  switch (spec.type) {
    case 'match_field': {
      const target = formatSubfield(spec.target);
      return sameSubfield(spec.source, spec.target) ? target : `${target}=${formatSubfield(spec.source)}`;
    }
    case 'match_value': {
      const { field, bits } = spec.target;
      const value = numberOf(spec.value);
      if (bits === field.bits) return `${field.name}=${formatFullValue(field, value, ports)}`;
      return `${formatSubfield(spec.target)}=0x${value.toString(16)}`;
    }
    case 'load_field':
      return `load:${formatSubfield(spec.source)}->${formatSubfield(spec.target)}`;
    case 'load_value':
      return `load:0x${numberOf(spec.value).toString(16)}->${formatSubfield(spec.target)}`;
    case 'output':
      return `output:${formatSubfield(spec.source)}`;
  }
}

/** A learn action. */
export function formatLearn(action: Extract<Action, { type: 'learn' }>, ports?: PortLabels): string {
  const args = [`table=${action.table}`];
  const add = (name: string, value: number) => {
    if (value !== 0) args.push(`${name}=${value}`);
  };
  add('idle_timeout', action.idleTimeout);
  add('hard_timeout', action.hardTimeout);
  add('fin_idle_timeout', action.finIdleTimeout);
  add('fin_hard_timeout', action.finHardTimeout);
  if (action.priority !== DEFAULT_PRIORITY) args.push(`priority=${action.priority}`);
  if ((action.flags & LEARN_SEND_FLOW_REM) !== 0) args.push('send_flow_rem');
  if ((action.flags & LEARN_DELETE_LEARNED) !== 0) args.push('delete_learned');
  const cookie = (BigInt(action.cookieHigh >>> 0) << 32n) | BigInt(action.cookieLow >>> 0);
  if (cookie !== 0n) args.push(`cookie=0x${cookie.toString(16)}`);
  add('limit', action.limit);
  if (action.result !== null) args.push(`result_dst=${formatSubfield(action.result)}`);
  return `learn(${[...args, ...action.specs.map((spec) => formatSpec(spec, ports))].join(',')})`;
}
