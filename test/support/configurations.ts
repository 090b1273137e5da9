import fc from 'fast-check';
import { BridgeModel, type BridgePort } from '../../ts/bridge/index.js';
import { type Configuration, emptyConfiguration, vsctl } from '../../ts/config/index.js';
import type { Datapath, DatapathPort, PortRequest } from '../../ts/datapath/index.js';
import { SlowpathError } from '../../ts/errors/index.js';
import { Configurator } from '../../ts/switch/configurator.js';

const one = <T>(...items: T[]): fc.Arbitrary<T> => fc.constantFrom(...items);

/** Words after `--`, with what they refer to. */
const port = (name: string) =>
  fc
    .record({
      bridge: one('br0', 'br0', 'br1'),
      type: one(
        '',
        '',
        'type=internal',
        'type=patch options:peer=p2',
        'type=patch options:peer=p1',
        'type=vxlan options:remote_ip=10.0.0.1 options:key=7',
        'type=vxlan options:remote_ip=flow options:key=flow',
        'type=geneve options:remote_ip=10.0.0.2',
        'type=gre options:remote_ip=nowhere',
      ),
      ofport: one('', '', '', ' ofport_request=1', ' ofport_request=2', ' ofport_request=7'),
      vlan: one('', '', ' tag=5', ' trunks=1,2', ' vlan_mode=native-tagged tag=3', ' protected=true'),
    })
    .map(({ bridge, type, ofport, vlan }) =>
      [
        `--may-exist add-port ${bridge} ${name}${vlan}`,
        `set Interface ${name} name=${name} ${type}${ofport}`,
      ].join(' -- '),
    );

const bond = fc
  .record({
    members: one('p6 p7', 'p6 p7 p8', 'p7 p8'),
    mode: one('active-backup', 'balance-slb', 'balance-tcp'),
    more: one('', ' lacp=active', ' bond_updelay=100', ' other_config:bond-primary=p7'),
  })
  .map(({ members, mode, more }) => `add-bond br0 bond0 ${members} bond_mode=${mode}${more}`);

const bridgeSettings = one(
  '',
  'set Bridge br0 fail_mode=secure',
  'set Bridge br0 other_config:mac-aging-time=60 other_config:mac-table-size=100',
  'set Bridge br0 mcast_snooping_enable=true',
  'set Bridge br0 mcast_snooping_enable=true other_config:mcast-snooping-aging-time=20',
  'set Bridge br0 other_config:forward-bpdu=true',
  'set Bridge br0 flood_vlans=3,4',
);

const extras = one(
  '',
  '',
  '--id=@m create Mirror name=m0 select_all=true output_vlan=9 -- set Bridge br0 mirrors=@m',
  '--id=@m create Mirror name=m1 select_vlan=4 output_vlan=9 -- set Bridge br0 mirrors=@m',
  '--id=@s create sFlow targets=127.0.0.1 sampling=10 -- set Bridge br0 sflow=@s',
  '--id=@f create Flow_Table name=first prefixes=ip_dst -- set Bridge br0 flow_tables:3=@f',
  'set Open_vSwitch . other_config:vlan-limit=2',
);

/** Random configurations: two bridges, ports of all kinds, some of which cannot be had (p5 has no device), a bond, a mirror, sampling. */
export const configurations: fc.Arbitrary<Configuration> = fc
  .tuple(
    ...['p1', 'p2', 'p3', 'p4', 'p5'].map((name) => fc.option(port(name), { nil: '' })),
    fc.option(bond, { nil: '' }),
    bridgeSettings,
    extras,
  )
  .map((parts) => {
    const words = ['add-br br0', 'add-br br1', ...parts.filter((part) => part !== '')].join(' -- ');
    return vsctl(
      emptyConfiguration(),
      words.split(' ').filter((word) => word !== ''),
    ).configuration;
  });

/** A datapath with ports and nothing else. Device p5 is missing until `appear`. */
export class FakeDatapath {
  readonly adopted = false;
  /** What was asked of it: `+name`, `-name`. */
  readonly log: string[] = [];
  readonly route = { findLink: () => ({ running: true }) };
  readonly #ports = new Map<number, DatapathPort>();
  readonly #missing = new Set(['p5']);

  appear(name: string): void {
    this.#missing.delete(name);
  }

  ports(): DatapathPort[] {
    return [...this.#ports.values()];
  }

  addPort({ name, type }: PortRequest): DatapathPort {
    if (type === 'system' && this.#missing.has(name))
      throw new SlowpathError('ERR_NO_INTERFACE', `there is no network interface '${name}'`);
    let portNo = 1;
    while (this.#ports.has(portNo)) portNo++;
    const added = { name, type, portNo, ifindex: portNo + 100 } as DatapathPort;
    this.#ports.set(portNo, added);
    this.log.push(`+${name}`);
    return added;
  }

  delPort(portNo: number): void {
    this.log.push(`-${this.#ports.get(portNo)!.name}`);
    this.#ports.delete(portNo);
  }
}

/** A switch without packets: ports of a fake datapath, and the model over them. */
export function makeModel() {
  const datapath = new FakeDatapath();
  const model = new BridgeModel((queue) => queue);
  return { datapath, model, configurator: new Configurator(datapath as unknown as Datapath, model) };
}

/** What a model says, with names for objects and for numbers that the configuration does not give. */
export function describeModel(model: BridgeModel, configuration: Configuration) {
  // Of several that ask for one number, the one that has it keeps it: that depends on what was before.
  const requests = configuration.rows('Interface').map((row) => row.number('ofport_request'));
  const asked = (one: BridgePort) => {
    const wanted = configuration.named('Interface', one.name)?.number('ofport_request') ?? null;
    return requests.filter((other) => other === wanted).length === 1 ? one.ofport : null;
  };
  const describePort = (one: BridgePort) => ({
    name: one.name,
    type: one.type,
    ofport: asked(one),
    inDatapath: one.odpPort >= 0,
    tunnel: one.tunnel,
    peer: one.peer?.name ?? null,
    mayForward: one.mayForward,
  });
  return {
    vlanLimit: model.vlanLimit,
    bridges: [...model.bridges.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((bridge) => ({
        name: bridge.name,
        failMode: bridge.failMode,
        forwardBpdu: bridge.forwardBpdu,
        limits: [Reflect.get(bridge.fdb, 'agingMs'), Reflect.get(bridge.fdb, 'capacity')],
        flooded: Reflect.get(bridge.fdb, 'flooded'),
        mcast: bridge.mcast && [Reflect.get(bridge.mcast, 'agingMs'), Reflect.get(bridge.mcast, 'capacity')],
        sampling: bridge.sampling,
        tables: bridge.flowTables.tables.map((table) => Reflect.get(table ?? {}, 'settings')),
        mirrors: bridge.mirrors.map((mirror) => ({
          ...mirror,
          selectSrc: mirror.selectSrc && [...mirror.selectSrc].map((bundle) => bundle.name),
          selectDst: mirror.selectDst && [...mirror.selectDst].map((bundle) => bundle.name),
          outBundle: mirror.outBundle?.name,
        })),
        // Floods go to bundles in the order in which they were added, as in OVS.
        bundles: bridge.bundles
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          .map((bundle) => ({
            name: bundle.name,
            vlan: [bundle.vlanMode, bundle.tag, bundle.trunks, bundle.cvlans, bundle.protected],
            bond: bundle.bond && {
              mode: bundle.bond.mode,
              options: Reflect.get(bundle.bond, 'options'),
              members: bundle.bond.memberList.map((member) => member.port.name),
              primaryIsActive: bundle.bond.activePort?.name === Reflect.get(bundle.bond, 'options').primary,
            },
            ports: bundle.ports.map(describePort),
          })),
      })),
  };
}
