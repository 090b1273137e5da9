import { F_DP_HASH, F_RECIRC_ID } from '../fields/index.js';
import { emptyMatch, type Rule } from '../openflow/index.js';
import { BOND_ENTRIES, type Bond } from './bond.js';
import type { TableView, XPort } from './types.js';

/** Number of the table, which no OpenFlow controller sees (OVS: TBL_INTERNAL), and priority of its rules. */
export const BOND_TABLE = 254;
const PRIORITY = 20;
const ENTRY_MASK = BOND_ENTRIES - 1;

/** The rule that sends packets of one hash entry on; OVS's has the same match and action. */
function entryRule(bond: Bond, entry: number, port: XPort): Rule {
  const match = emptyMatch();
  match.key[F_RECIRC_ID] = bond.recircId;
  match.mask[F_RECIRC_ID] = -1;
  match.key[F_DP_HASH] = entry;
  match.mask[F_DP_HASH] = ENTRY_MASK;
  return {
    table: BOND_TABLE,
    priority: PRIORITY,
    match,
    actions: [{ type: 'output', port: port.ofport, maxLen: 0 }],
    cookieHigh: 0,
    cookieLow: 0,
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    packets: 0,
    bytes: 0,
  };
}

/** One bond's rules; made anew for entries that moved. */
class BondRules {
  readonly bond: Bond;
  private readonly rules: (Rule | undefined)[] = [];
  private readonly ports: (XPort | null)[] = [];
  /** Bytes of each rule that the bond was told. */
  private readonly told = new Float64Array(BOND_ENTRIES);

  constructor(bond: Bond) {
    this.bond = bond;
  }

  rule(entry: number): Rule | null {
    const port = this.bond.entryPort(entry);
    if (port === null) return null;
    const known = this.rules[entry];
    if (known !== undefined && this.ports[entry] === port) return known;
    this.account(entry);
    const rule = entryRule(this.bond, entry, port);
    this.rules[entry] = rule;
    this.ports[entry] = port;
    this.told[entry] = 0;
    return rule;
  }

  account(entry: number): void {
    const rule = this.rules[entry];
    if (rule === undefined) return;
    this.bond.entryBytes[entry] += rule.bytes - this.told[entry];
    this.told[entry] = rule.bytes;
  }
}

/**
 * Where packets of balance-tcp bonds come back after the datapath hashed them: each goes out by the member that its hash belongs to. A table
 * as any other to translation, so that statistics and revalidation are those of rules.
 */
export class BondTable implements TableView {
  private readonly bonds = new Map<number, BondRules>();

  /** `bonds`: those of the bridge that have a recirculation id; the others are left out. Rules of bonds that were known stay. */
  configure(bonds: Iterable<Bond>): void {
    const old = new Map(this.bonds);
    this.bonds.clear();
    for (const bond of bonds) {
      if (bond.recircId === 0) continue;
      const known = old.get(bond.recircId);
      this.bonds.set(bond.recircId, known?.bond === bond ? known : new BondRules(bond));
    }
  }

  /** The recirculation id is always exact, so only the hash is looked at. */
  lookup(flow: Int32Array, base: number, wildcards: Int32Array, wildcardsBase: number): Rule | null {
    const rules = this.bonds.get(flow[base + F_RECIRC_ID]);
    if (rules === undefined) return null;
    wildcards[wildcardsBase + F_DP_HASH] |= ENTRY_MASK;
    return rules.rule(flow[base + F_DP_HASH] & ENTRY_MASK);
  }

  /** Adds what the rules forwarded since the last call to the load of the bonds' entries; call it before rebalancing. */
  account(): void {
    for (const rules of this.bonds.values()) {
      for (let entry = 0; entry < BOND_ENTRIES; entry++) rules.account(entry);
    }
  }
}
