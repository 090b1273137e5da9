import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { emptyMatch } from '../../ts/openflow/index.js';
import type { Bridge, Switch } from '../../ts/switch/index.js';
import { revalidated } from './switch-rig.js';

/** Refusals of packets are read once in 100 ms. */
const REFUSALS_MS = 150;

/** What a datapath refused and what translation could not do. Overlaps are no refusals: equal packets of one batch. */
function refusals(theSwitch: Switch): Record<string, number> {
  const { upcall, revalidate } = theSwitch.stats();
  const { install_failures, execute_failures, send_failures, oversized, xlate_errors } = upcall;
  const { modify_failures, delete_failures, failed } = revalidate;
  return {
    ...{ install_failures, execute_failures, send_failures, oversized, xlate_errors },
    ...{ modify_failures, delete_failures, failed },
  };
}

/** The datapath took every flow and every packet that it was given, those of revalidation too. */
export async function expectAccepted(theSwitch: Switch): Promise<void> {
  await revalidated(theSwitch);
  await sleep(REFUSALS_MS);
  const counts = refusals(theSwitch);
  const nothing = Object.fromEntries(Object.keys(counts).map((name) => [name, 0]));
  expect(counts, 'what was refused').to.deep.equal(nothing);
}

/** Packets of the rules with this cookie, brought up to date. */
export async function packetsOf(theSwitch: Switch, bridge: Bridge, cookie: number): Promise<number> {
  await revalidated(theSwitch);
  return bridge.flowTables
    .select({ table: ALL_TABLES, match: emptyMatch() })
    .filter(({ cookieHigh, cookieLow }) => cookieHigh === 0 && cookieLow === cookie)
    .reduce((sum, rule) => sum + rule.packets, 0);
}

/** Flows of the datapath, in the syntax of ovs-dpctl, that match `pattern`. */
export async function flowsLike(theSwitch: Switch, pattern: RegExp): Promise<string[]> {
  return (await dumpFlowLines(theSwitch.datapath)).filter((line) => pattern.test(line));
}
