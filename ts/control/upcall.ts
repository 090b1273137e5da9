import { SlowpathError } from '../errors/index.js';
import type { SwitchStats } from '../switch/index.js';
import type { Command } from './types.js';

/** What of a switch `upcall/show` tells. */
export type UpcallFigures = Pick<
  SwitchStats,
  'ukeys' | 'flowLimit' | 'flowsAverage' | 'flowsPeak' | 'dumpDuration'
> & { readonly datapath: { readonly flows: number } };

/** `ovs-appctl upcall/show`. All flows are of one revalidator, number 1. */
export function upcallText(name: string, figures: UpcallFigures, ufid: boolean): string {
  const { datapath, flowLimit, flowsAverage, flowsPeak, dumpDuration, ukeys } = figures;
  const keys = Object.values(ukeys).reduce((sum, count) => sum + count, 0);
  const peak = Math.max(flowsPeak, datapath.flows);
  return [
    `${name}:`,
    `  flows         : (current ${datapath.flows}) (avg ${flowsAverage}) (max ${peak}) (limit ${flowLimit})`,
    `  dump duration : ${Math.round(dumpDuration)}ms`,
    `  ufid enabled : ${ufid}`,
    '',
    `  1: (keys ${keys})`,
  ].join('\n');
}

function flowLimit(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new SlowpathError('ERR_USAGE', `upcall/set-flow-limit: "${text}" is no number of flows`);
  }
  return Number(text);
}

const switched = (what: string, enabled: boolean) => `${what} ${enabled ? 'enabled' : 'disabled'}`;

function megaflows(enabled: boolean): Command {
  return {
    name: `upcall/${enabled ? 'enable' : 'disable'}-megaflows`,
    usage: '',
    help: enabled
      ? 'have flows match as widely as their translation allows; begins with none'
      : 'have each flow match exactly one kind of packet; begins with none',
    least: 0,
    most: 0,
    run: async ({ theSwitch }) => {
      await theSwitch.cache.setMegaflows(enabled);
      return switched('megaflows', enabled);
    },
  };
}

function ufid(enabled: boolean): Command {
  const suffix = enabled ? ' for supported datapaths' : '';
  return {
    name: `upcall/${enabled ? 'enable' : 'disable'}-ufid`,
    usage: '',
    help: enabled ? 'dump flows by id and statistics alone' : 'dump flows with all that they have',
    least: 0,
    most: 0,
    run: ({ theSwitch }) => {
      theSwitch.cache.tersely = enabled;
      return switched('Datapath dumping tersely using UFID', enabled) + suffix;
    },
  };
}

/** Commands about the flows that the slow path keeps in the datapath. */
export const UPCALL_COMMANDS: readonly Command[] = [
  {
    name: 'upcall/show',
    usage: '',
    help: 'show how many flows there are and may be',
    least: 0,
    most: 0,
    run: ({ theSwitch }) => {
      const { datapath, cache } = theSwitch;
      const terse = cache.tersely && datapath.support.ufid;
      return upcallText(`${datapath.type}@${datapath.name}`, theSwitch.stats(), terse);
    },
  },
  {
    name: 'upcall/set-flow-limit',
    usage: 'flow-limit-number',
    help: 'set the flow limit, which revalidation goes on adjusting',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [text]) => {
      const flows = flowLimit(text);
      theSwitch.cache.setFlowLimit(flows);
      return `set flow_limit to ${flows}`;
    },
  },
  megaflows(false),
  megaflows(true),
  ufid(false),
  ufid(true),
  {
    name: 'revalidator/wait',
    usage: '',
    help: 'wait until all flows have been looked at once',
    least: 0,
    most: 0,
    run: async ({ theSwitch }) => {
      await theSwitch.cache.wait();
      return '';
    },
  },
  {
    name: 'revalidator/purge',
    usage: '',
    help: 'delete all flows, crediting what they counted',
    least: 0,
    most: 0,
    run: async ({ theSwitch }) => {
      await theSwitch.cache.purge();
      return '';
    },
  },
];
