import { type Datapath, dumpFlowLines, showText } from '../datapath/index.js';
import { messageOf, SlowpathError } from '../errors/index.js';
import { FLOW_WORDS } from '../fields/index.js';
import type { FlowDescription } from '../flow/index.js';
import { FITNESS, native } from '../native/index.js';
import { type FlowMatch, parseFlowMod } from '../openflow/index.js';
import type { Command } from './types.js';

const FITNESS_ERROR = FITNESS.indexOf('error');
/** Types of flows that `type=` may name; ours are all of the first kind, and not offloaded. */
const OWN_TYPES = ['ovs', 'non-offloaded', 'all'];
const OTHER_TYPES = ['tc', 'dpdk', 'offloaded', 'partially-offloaded'];

/** Options (`-m`) and other words of a command. Throws for an option that is not among `known`. */
function split(args: readonly string[], known: readonly string[]): { options: Set<string>; words: string[] } {
  const options = new Set(args.filter((arg) => arg.startsWith('-')));
  for (const option of options) {
    if (!known.includes(option)) throw new SlowpathError('ERR_USAGE', `Unrecognized option ${option}`);
  }
  return { options, words: args.filter((arg) => !arg.startsWith('-')) };
}

/** There is one datapath: that may be named. */
function checkName(
  { type, name }: Datapath,
  words: readonly string[],
  problem: (word: string) => string,
): void {
  for (const word of words) {
    if (word !== name && word !== `${type}@${name}`)
      throw new SlowpathError('ERR_NO_DATAPATH', problem(word));
  }
}

/** What `filter=` wants: a match as of ovs-ofctl, with port numbers and names of the datapath. */
function parseFilter(datapath: Datapath, text: string): FlowMatch {
  const portNames = new Map(datapath.ports().map(({ name, portNo }) => [name, portNo]));
  try {
    return parseFlowMod(text, 'delete', { portNames }).match;
  } catch (error) {
    throw new SlowpathError('ERR_USAGE', `Failed to parse filter (${messageOf(error)})`, { cause: error });
  }
}

/** Takes flows that packets of the filter's match may hit: where both match a bit, they want it the same (as OVS decides it). */
function filterOf({ key: wanted, mask: wantedMask }: FlowMatch): (flow: FlowDescription) => boolean {
  const key = new Int32Array(FLOW_WORDS);
  const mask = new Int32Array(FLOW_WORDS);
  return (flow) => {
    if (native().decodeKey(flow.key, key, 0) === FITNESS_ERROR) return false;
    mask.fill(-1);
    if (flow.mask !== undefined && native().decodeMask(flow.mask, key, 0, mask, 0) === FITNESS_ERROR)
      return false;
    return key.every((word, i) => ((word ^ wanted[i]) & mask[i] & wantedMask[i]) === 0);
  };
}

/** Whether flows of ours are among those of `type=`. */
function hasType(text: string): boolean {
  const types = text.split(',');
  for (const type of types) {
    if (!OWN_TYPES.includes(type) && !OTHER_TYPES.includes(type))
      throw new SlowpathError('ERR_USAGE', `Failed to parse type (${type}) (Invalid argument)`);
  }
  return types.some((type) => OWN_TYPES.includes(type));
}

async function dumpFlows(datapath: Datapath, args: readonly string[]): Promise<string> {
  const { options, words } = split(args, ['-m', '--more', '--names', '--no-names']);
  const value = (key: string) => words.find((word) => word.startsWith(key))?.slice(key.length);
  const rest = words.filter((word) => !/^(filter|type)=/.test(word));
  checkName(datapath, rest, () => 'datapath not found (Invalid argument)');
  const type = value('type=');
  const filter = value('filter=');
  const accept = filter === undefined ? undefined : filterOf(parseFilter(datapath, filter));
  if (type !== undefined && !hasType(type)) return '';
  const verbose = options.has('-m') || options.has('--more');
  // As in ovs-appctl, who wants to see more sees names unless he says otherwise.
  const names = options.has('--names') || (verbose && !options.has('--no-names'));
  const lines = await dumpFlowLines(datapath, {
    verbose,
    names,
    ...(accept === undefined ? {} : { accept }),
  });
  return lines.join('\n');
}

/** Commands about the datapath. */
export const DPCTL_COMMANDS: readonly Command[] = [
  {
    name: 'dpctl/dump-flows',
    usage: '[-m] [--names] [DP] [filter=MATCH] [type=TYPE,…]',
    help: "show the datapath's flows",
    least: 0,
    most: 6,
    run: ({ theSwitch }, args) => dumpFlows(theSwitch.datapath, args),
  },
  {
    name: 'dpctl/show',
    usage: '[-s] [DP]',
    help: "show the datapath's counters and ports, with -s those of the ports too",
    least: 0,
    most: 2,
    run: ({ theSwitch }, args) => {
      const { datapath } = theSwitch;
      const { options, words } = split(args, ['-s', '--statistics']);
      checkName(datapath, words, (word) => `opening datapath ${word} failed (No such device)`);
      return showText(datapath, { statistics: options.size > 0 });
    },
  },
];
