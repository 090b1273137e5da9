import { native } from '../native/index.js';
import { REVALIDATE_COUNTER_HELP } from '../revalidate/index.js';
import type { Switch } from '../switch/index.js';
import { DELETE_REASONS } from '../ukey/index.js';
import { UPCALL_COUNTER_HELP } from '../upcall/index.js';
import type { CoverageCounter } from './coverage.js';
import type { Command } from './types.js';

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Counters of one kind, with a prefix to their names. */
function named(
  prefix: string,
  counters: Readonly<Record<string, number>>,
  help: Readonly<Record<string, string>>,
) {
  return Object.entries(help).map(([name, text]) => ({
    name: `${prefix}_${snakeCase(name)}`,
    help: text,
    total: counters[name] ?? 0,
  }));
}

const DATAPATH_HELP = {
  hit: 'Packets that matched a flow',
  missed: 'Packets that matched none and became upcalls',
  lost: 'Upcalls that found no room, or nobody to receive them',
};
const MAC_HELP = {
  learned: 'Addresses learned',
  moved: 'Addresses that showed up on another port',
  expired: 'Addresses forgotten because nobody used them',
  evicted: 'Addresses forgotten to make room',
};
const DELETED_HELP = Object.fromEntries(
  DELETE_REASONS.slice(1).map((reason) => [reason, `Flows deleted, reason ${reason}`]),
);

/** All counters of a switch. `stats`: its figures, where they were read just now. */
export function switchCounters(theSwitch: Switch, stats = theSwitch.stats()): CoverageCounter[] {
  const { datapath, upcall, revalidate, exporters } = stats;
  const own = theSwitch.datapath.counters();
  const ownHelp = Object.fromEntries(
    Object.keys(own).map((name) => [name, native().datapathCounterHelp[name]]),
  );
  const macs: Record<string, number> = {};
  for (const { fdb } of theSwitch.bridges.values()) {
    for (const [name, count] of Object.entries(fdb.counters)) macs[name] = (macs[name] ?? 0) + count;
  }
  return [
    ...named('upcall', upcall, UPCALL_COUNTER_HELP),
    ...named('revalidate', revalidate as unknown as Record<string, number>, REVALIDATE_COUNTER_HELP),
    ...named('flow_del', revalidate.deleted as Record<string, number>, DELETED_HELP),
    ...exporters,
    ...named('mac_learning', macs, MAC_HELP),
    ...named('dp', { hit: datapath.hit, missed: datapath.missed, lost: datapath.lost }, DATAPATH_HELP),
    ...named('dp_netdev', own, ownHelp),
  ];
}

/** Commands about counters. */
export const COVERAGE_COMMANDS: readonly Command[] = [
  {
    name: 'coverage/show',
    usage: '',
    help: 'show the counters that counted anything, with rates',
    least: 0,
    most: 0,
    run: ({ coverage }) => coverage.show(),
  },
  {
    name: 'coverage/read-counter',
    usage: 'COUNTER',
    help: 'show one counter',
    least: 1,
    most: 1,
    run: ({ coverage }, [name]) => String(coverage.total(name)),
  },
  {
    name: 'coverage/help',
    usage: '',
    help: 'say what each counter counts',
    least: 0,
    most: 0,
    run: ({ coverage }) => coverage.help(),
  },
];
