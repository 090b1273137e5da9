import { type Datapath, dumpFlowLines, showText } from '../datapath/index.js';
import { messageOf, SlowpathError } from '../errors/index.js';
import { FLOW_WORDS } from '../fields/index.js';
import type { FlowDescription } from '../flow/index.js';
import { FITNESS, native } from '../native/index.js';
import { type FlowMatch, parseFilter } from '../openflow/index.js';
import type { Command } from './types.js';

const FITNESS_ERROR = FITNESS.indexOf('error');
/** Types of flows that `type=` may name; ours are all of the first kind, and not offloaded. */
const OWN_TYPES = ['ovs', 'non-offloaded', 'all'];
const OTHER_TYPES = ['tc', 'dpdk', 'offloaded', 'partially-offloaded'];

/** What the options before the words of a command ask for. */
interface DpctlOptions {
  verbose: boolean;
  statistics: boolean;
  /** Undefined: as `verbose` says. */
  names: boolean | undefined;
}

const LONG_OPTIONS: Readonly<Record<string, (options: DpctlOptions) => void>> = {
  '--more': (options) => (options.verbose = true),
  '--statistics': (options) => (options.statistics = true),
  '--names': (options) => (options.names = true),
  '--no-names': (options) => (options.names = false),
  // They ask for something of commands that change flows.
  '--clear': () => {},
  '--may-create': () => {},
};
const SHORT_OPTIONS: Readonly<Record<string, string>> = { m: '--more', s: '--statistics' };

/** Options and words, as every dpctl command of ovs-appctl takes them: options come first, short ones may stand together. */
function split(args: readonly string[]): { options: DpctlOptions; words: readonly string[] } {
  const options: DpctlOptions = { verbose: false, statistics: false, names: undefined };
  const unknown = (option: string) => new SlowpathError('ERR_USAGE', `Unrecognized option ${option}`);
  let count = 0;
  for (; count < args.length && /^-./.test(args[count]); count++) {
    const arg = args[count];
    const names = arg.startsWith('--') ? [arg] : [...arg.slice(1)].map((letter) => SHORT_OPTIONS[letter]);
    for (const [i, name] of names.entries()) {
      if (name === undefined || !Object.hasOwn(LONG_OPTIONS, name)) {
        throw unknown(arg.startsWith('--') ? arg : `-${arg[i + 1]}`);
      }
      LONG_OPTIONS[name](options);
    }
  }
  return { options, words: args.slice(count) };
}

/** There is one datapath: that may be named. */
function isNamed({ type, name }: Datapath, word: string): boolean {
  return word === name || word === `${type}@${name}`;
}

/** What `filter=` wants, with port numbers and names of the datapath. */
function parseFlowFilter(datapath: Datapath, text: string): FlowMatch {
  const portNames = new Map(datapath.ports().map(({ name, portNo }) => [name, portNo]));
  try {
    return parseFilter(text, portNames);
  } catch (error) {
    const reason = `${text}: ${messageOf(error)}`;
    throw new SlowpathError('ERR_USAGE', `Failed to parse filter (${reason})`, { cause: error });
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
  // Nothing, and nothing behind the last comma, is no type; between commas it is a bad one.
  if (types.at(-1) === '') types.pop();
  for (const type of types) {
    if (!OWN_TYPES.includes(type) && !OTHER_TYPES.includes(type))
      throw new SlowpathError('ERR_USAGE', `Failed to parse type (${type}) (Invalid argument)`);
  }
  return types.some((type) => OWN_TYPES.includes(type));
}

/** Takes `key=…` out of the words, the last of each key. OVS looks for them at the end only. */
function takeSettings(words: readonly string[], keys: readonly string[]) {
  const settings = new Map<string, string>();
  const rest: string[] = [];
  for (const word of words.toReversed()) {
    const [key, ...value] = word.split('=');
    if (value.length > 0 && keys.includes(key) && !settings.has(key)) settings.set(key, value.join('='));
    else rest.unshift(word);
  }
  return { settings, rest };
}

function misplaced(word: string): SlowpathError {
  return new SlowpathError(
    'ERR_USAGE',
    `"${word}" stands behind the datapath, where only filter= and type= may: options come first`,
  );
}

async function dumpFlows(datapath: Datapath, args: readonly string[]): Promise<string> {
  const { options, words } = split(args);
  const { settings, rest } = takeSettings(words, ['filter', 'type']);
  if (rest.length > 0 && !isNamed(datapath, rest[0]))
    throw new SlowpathError('ERR_NO_DATAPATH', 'datapath not found (Invalid argument)');
  // OVS takes no notice of it.
  if (rest.length > 1) throw misplaced(rest[1]);
  const type = settings.get('type');
  const filter = settings.get('filter');
  const accept = filter === undefined ? undefined : filterOf(parseFlowFilter(datapath, filter));
  if (type !== undefined && !hasType(type)) return '';
  const lines = await dumpFlowLines(datapath, {
    verbose: options.verbose,
    // As in ovs-appctl, who wants to see more sees names unless he says otherwise.
    names: options.names ?? options.verbose,
    ...(accept === undefined ? {} : { accept }),
  });
  return lines.join('\n');
}

/** Each datapath that is named; all, which is one, without names. Throws what OVS prints when any is not there: the others too. */
function show(datapath: Datapath, args: readonly string[]): string {
  const { options, words } = split(args);
  const text = () => showText(datapath, { statistics: options.statistics });
  if (words.length === 0) return text();
  const parts = words.map((word) =>
    isNamed(datapath, word) ? text() : `opening datapath ${word} failed (No such device)`,
  );
  if (words.every((word) => isNamed(datapath, word))) return parts.join('\n');
  throw new SlowpathError('ERR_NO_DATAPATH', parts.join('\n'));
}

/** Commands about the datapath. */
export const DPCTL_COMMANDS: readonly Command[] = [
  {
    name: 'dpctl/dump-flows',
    usage: '[-m] [--names] [dp] [filter=..] [type=..]',
    help: "show the datapath's flows",
    least: 0,
    most: 6,
    run: ({ theSwitch }, args) => dumpFlows(theSwitch.datapath, args),
  },
  {
    name: 'dpctl/show',
    usage: '[-s] [dp...]',
    help: "show the datapath's counters and ports, with -s those of the ports too",
    least: 0,
    most: Number.POSITIVE_INFINITY,
    run: ({ theSwitch }, args) => show(theSwitch.datapath, args),
  },
];
