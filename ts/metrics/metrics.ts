import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import { type CoverageCounter, switchCounters } from '../control/index.js';
import type { Switch, SwitchStats } from '../switch/index.js';
import { UPCALL_CLASSES, UPCALL_STAGES } from '../upcall/index.js';
import { version } from '../util/index.js';
import { HistogramFamily } from './histogram-family.js';

/** Counters that have a label of their own here instead of a name each. */
const DELETIONS = 'flow_del_';

/**
 * The figures of a switch in a registry of prom-client, in base units (seconds, bytes). They are read when they are asked for (`registry.metrics()`); nothing
 * runs meanwhile, but one batch of upcalls in 16 is timed from now on. docs/metrics.md tells what each means.
 */
export function switchMetrics(theSwitch: Switch): Registry {
  const registry = new Registry();
  theSwitch.timeUpcalls();
  const figures = new Figures(theSwitch);
  addUpcalls(registry, theSwitch);
  addFlows(registry, figures);
  addCounters(registry, figures);
  addProcess(registry, theSwitch);
  return registry;
}

/** Figures of a switch, read once for all metrics that are asked for in one turn of the event loop: once for each `registry.metrics()`. */
class Figures {
  readonly #switch: Switch;
  #stats: SwitchStats | null = null;
  #counters: ReadonlyMap<string, CoverageCounter> | null = null;

  constructor(theSwitch: Switch) {
    this.#switch = theSwitch;
  }

  get stats(): SwitchStats {
    this.#read();
    return this.#stats!;
  }

  /** All counters by name. */
  get counters(): ReadonlyMap<string, CoverageCounter> {
    this.#read();
    return this.#counters!;
  }

  #read(): void {
    if (this.#stats !== null) return;
    this.#stats = this.#switch.stats();
    this.#counters = new Map(
      switchCounters(this.#switch, this.#stats).map((counter) => [counter.name, counter]),
    );
    setImmediate(() => {
      this.#stats = null;
      this.#counters = null;
    });
  }
}

function addUpcalls(registry: Registry, theSwitch: Switch): void {
  const profile = theSwitch.upcallProfile;
  new Counter({
    name: 'slowpath_upcalls_total',
    help: 'Upcalls by class and by the port that their packet came in by',
    labelNames: ['class', 'port'],
    registers: [registry],
    collect() {
      this.reset();
      profile.forEachPort((port, kind, upcalls) => {
        const name = theSwitch.model.portsByOdp[port]?.name ?? String(port);
        this.inc({ class: UPCALL_CLASSES[kind], port: name }, upcalls);
      });
    },
  });
  register(
    registry,
    new HistogramFamily('slowpath_upcall_batch_size', 'Upcalls in a batch, which one call brings', [
      { labels: {}, histogram: profile.batchSizes },
    ]),
  );
  register(
    registry,
    new HistogramFamily(
      'slowpath_upcall_stage_seconds',
      'Time of each stage: classify, translate, install and deliver for an upcall, receive, decode and send for a batch; one batch in 16 is timed',
      UPCALL_STAGES.map((stage, i) => ({ labels: { stage }, histogram: profile.stages[i] })),
    ),
  );
}

function addFlows(registry: Registry, figures: Figures): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `slowpath_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('flows', 'Flows in the datapath', () => figures.stats.datapath.flows);
  gauge('masks', 'Distinct masks of flows in the datapath', () => figures.stats.datapath.masks);
  gauge('flow_limit', 'Flows that may be installed now', () => figures.stats.flowLimit);
  gauge('ukey_bytes', 'Memory for keys and actions of installed flows', () => figures.stats.ukeyBytes);
  gauge(
    'revalidation_seconds',
    'Time that the last dump of flows took',
    () => figures.stats.dumpDuration / 1000,
  );
  new Gauge({
    name: 'slowpath_ukeys',
    help: 'Installed flows that we know of, by state',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [state, count] of Object.entries(figures.stats.ukeys)) this.set({ state }, count);
    },
  });
}

/** Everything that coverage/show counts, under its name; deletions of flows by reason. */
function addCounters(registry: Registry, figures: Figures): void {
  for (const { name, help } of figures.counters.values()) {
    if (name.startsWith(DELETIONS)) continue;
    new Counter({
      name: `slowpath_${name}_total`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(figures.counters.get(name)?.total ?? 0);
      },
    });
  }
  new Counter({
    name: 'slowpath_flow_deletions_total',
    help: 'Flows deleted, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, total } of figures.counters.values())
        if (name.startsWith(DELETIONS)) this.inc({ reason: name.slice(DELETIONS.length) }, total);
    },
  });
}

function addProcess(registry: Registry, theSwitch: Switch): void {
  const { type, name } = theSwitch.datapath;
  new Gauge({
    name: 'slowpath_info',
    help: 'Always 1; the labels tell the version and the datapath',
    labelNames: ['version', 'datapath'],
    registers: [registry],
  }).set({ version: version(), datapath: `${type}@${name}` }, 1);
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time that the process took, all threads',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process that is resident',
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
}

/** A registry takes whatever answers `get`; its type knows prom-client's own classes only. */
function register(registry: Registry, family: HistogramFamily): void {
  registry.registerMetric(family as unknown as Metric);
}
