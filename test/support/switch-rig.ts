import { type Bridge, type BridgeOptions, type BridgePort, Switch } from '../../ts/switch/index.js';
import type { SwitchOptions, VlanOptions } from '../../ts/switch/index.js';
import { eventually } from './eventually.js';
import { Lab, type Namespace } from './netns.js';
import { needsRoot } from './skip.js';
import { datapathType } from './test-datapath.js';

/** Tests of a whole switch wait for real time to pass; emulation is slow besides. */
const TIMEOUT_MS = 120_000;

/** A host at a port of the switch: a namespace with one device. */
export interface SwitchHost {
  readonly namespace: Namespace;
  readonly device: string;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** A switch that runs, with its bridge. */
export interface RunningSwitch {
  readonly theSwitch: Switch;
  readonly bridge: Bridge;
  /** Ports p1, p2, … in order; their OpenFlow port numbers are 1, 2, …. */
  readonly ports: readonly BridgePort[];
  /** What it warned about. */
  readonly warnings: string[];
}

/** How to open the switch of a test. */
export interface OpenOptions extends Omit<SwitchOptions, 'datapath' | 'onWarning'> {
  readonly bridge?: BridgeOptions;
  /** VLAN options of port p1, p2, …; its length says how many ports are added. Default: all hosts. */
  readonly vlans?: readonly VlanOptions[];
  /** Embedded datapath: upcalls that may wait. */
  readonly upcallQueueLength?: number;
}

/** Namespaces for switches to run between. */
export interface SwitchRig {
  readonly lab: Lab;
  /** Where the switch's ends p1, p2, … of the veth pairs are. */
  readonly inside: Namespace;
  readonly hosts: readonly SwitchHost[];
  /** Opens a switch with a bridge br0; it is closed after the test. */
  open(options?: OpenOptions): RunningSwitch;
}

/** What a suite wants of its rig. */
export interface SwitchSuiteOptions {
  /** Hosts, each behind a veth pair. Default 3. */
  readonly hosts?: number;
  /** Gives hosts IPv6 addresses. Default false. Either way nobody speaks unasked. */
  readonly ipv6?: boolean;
  /** Switches are closed after the whole suite, not after each test. Default false. */
  readonly keepOpen?: boolean;
}

/** Keeps a host from speaking again, later, about neighbours and groups that it knows: seconds and milliseconds beyond any test. */
const NEVER_AGAIN = {
  ipv4: ['net.ipv4.neigh.eth0.delay_first_probe_time=100000'],
  ipv6: [
    'net.ipv6.neigh.eth0.delay_first_probe_time=100000',
    'net.ipv6.conf.eth0.mldv2_unsolicited_report_interval=1000000000',
  ],
};

function makeHost(lab: Lab, inside: Namespace, number: number, ipv6: boolean): SwitchHost {
  const namespace = lab.namespace(`h${number}`);
  const host = {
    namespace,
    device: 'eth0',
    mac: `02:00:00:00:00:0${number}`,
    ipv4: `10.0.0.${number}`,
    ipv6: `fd00::${number}`,
  };
  lab.veth(inside, `p${number}`, namespace, host.device);
  const settings = ipv6 ? NEVER_AGAIN.ipv6 : ['net.ipv6.conf.eth0.disable_ipv6=1'];
  namespace.run('sysctl', '-qw', ...NEVER_AGAIN.ipv4, ...settings);
  inside.up(`p${number}`);
  const addresses = ipv6 ? [`${host.ipv4}/24`, `${host.ipv6}/64`] : [`${host.ipv4}/24`];
  namespace.up(host.device, { addresses, mac: host.mac });
  return host;
}

function openSwitch(inside: Namespace, hosts: number, options: OpenOptions): RunningSwitch {
  const { bridge: bridgeOptions, vlans, upcallQueueLength, policy, ...rest } = options;
  const warnings: string[] = [];
  const theSwitch = Switch.open({
    ...rest,
    // On a busy machine flows would grow idle between two frames.
    policy: { maxIdle: 600_000, ...policy },
    datapath: {
      type: datapathType,
      netns: inside.path,
      ...(upcallQueueLength === undefined ? {} : { upcallQueueLength }),
    },
    onWarning: (message) => warnings.push(message),
  });
  const bridge = theSwitch.addBridge('br0', bridgeOptions);
  const wanted = vlans ?? Array.from({ length: hosts }, () => ({}));
  const ports = wanted.map((vlan, i) => theSwitch.addPort(bridge, { name: `p${i + 1}`, ...vlan }));
  return { theSwitch, bridge, ports, warnings };
}

/** A suite of a whole switch on the datapath that SLOWPATH_TEST_DATAPATH names: namespaces for all its tests, a switch for each. */
export function describeSwitch(
  title: string,
  suite: (rig: () => SwitchRig) => void,
  { hosts: count = 3, ipv6 = false, keepOpen = false }: SwitchSuiteOptions = {},
): void {
  describe(`${title} [${datapathType}]`, function () {
    this.timeout(Math.max(this.timeout(), TIMEOUT_MS));
    const lab = new Lab();
    const open = new Set<Switch>();
    let rig: SwitchRig | undefined;
    before(async function () {
      needsRoot(this);
      const inside = lab.namespace('switch');
      inside.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
      const hosts = Array.from({ length: count }, (_, i) => makeHost(lab, inside, i + 1, ipv6));
      const names = hosts.map((_, i) => `p${i + 1}`);
      await eventually('the ports are up', () => inside.running(...names));
      // A second after its link is up a host tells the group of its IPv6 address; tests do not expect that.
      if (ipv6)
        await eventually('hosts have told their groups', () =>
          hosts.every(({ namespace, device }) => namespace.sent(device) > 0),
        );
      const start = (options: OpenOptions = {}) => {
        const running = openSwitch(inside, count, options);
        open.add(running.theSwitch);
        return running;
      };
      rig = { lab, inside, hosts, open: start };
    });
    const closeAll = async () => {
      for (const theSwitch of open) await theSwitch.close();
      open.clear();
    };
    if (!keepOpen) afterEach(closeAll);
    after(async () => {
      await closeAll();
      await lab.remove();
    });
    suite(() => {
      if (!rig) throw new Error('the rig is there while tests run');
      return rig;
    });
  });
}

/** Revalidation that began after this was called has been through all flows. */
export async function revalidated(theSwitch: Switch): Promise<void> {
  await theSwitch.revalidate();
  await theSwitch.revalidate();
}
