import { formatSubfield } from './subfield.js';
import type { Action, NatSpec } from './types.js';

/** A nat as ct(…) shows it. */
export function formatNat(nat: NatSpec): string {
  if (nat.type === null) return 'nat';
  const args = [`${nat.type}${formatRange(nat)}`];
  if (nat.addressMin !== null) {
    if (nat.persistent) args.push('persistent');
    if (nat.portHash) args.push('hash');
    if (nat.portRandom) args.push('random');
  }
  return `nat(${args.join(',')})`;
}

function formatRange({ addressMin, addressMax, portMin, portMax }: NatSpec): string {
  if (addressMin === null) return '';
  // Where ports follow, IPv6 addresses stand in brackets, so that it is clear where they end.
  const bracketed = addressMin.includes(':') && portMin !== 0;
  const show = (address: string) => (bracketed ? `[${address}]` : address);
  let text = `=${show(addressMin)}`;
  if (addressMax !== null && addressMax !== addressMin) text += `-${show(addressMax)}`;
  if (portMin !== 0) text += `:${portMin}`;
  if (portMax !== 0 && portMax !== portMin) text += `-${portMax}`;
  return text;
}

/** A ct action; `inner` prints the actions of its exec(…). */
export function formatCt(
  action: Extract<Action, { type: 'ct' }>,
  inner: (actions: readonly Action[]) => string,
): string {
  const args: string[] = [];
  if (action.commit) args.push('commit');
  if (action.force) args.push('force');
  if (action.table !== null) args.push(`table=${action.table}`);
  if (typeof action.zone !== 'number') args.push(`zone=${formatSubfield(action.zone)}`);
  else if (action.zone !== 0) args.push(`zone=${action.zone}`);
  const nat = action.nat === null ? null : formatNat(action.nat);
  const exec = action.exec.length === 0 ? [] : [inner(action.exec)];
  if (nat !== null) {
    if (action.nat?.afterExec === true && exec.length > 0) exec.push(nat);
    else args.push(nat);
  }
  if (exec.length > 0) args.push(`exec(${exec.join(',')})`);
  if (action.alg !== null) args.push(`alg=${action.alg}`);
  return `ct(${args.join(',')})`;
}
