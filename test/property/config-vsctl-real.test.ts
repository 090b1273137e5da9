import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Configuration, emptyConfiguration, SCHEMA, vsctl } from '../../ts/config/index.js';
import type { SlowpathError } from '../../ts/errors/index.js';
import { type Outcome, RealVsctl, rowsOf } from '../support/real-vsctl.js';
import { skipUnless } from '../support/skip.js';

/** Random command lines, in the grammar of ovs-vsctl, over few names so that they meet. */
const one = (...items: string[]) => fc.constantFrom(...items);
const bridge = one('br0', 'br0', 'br1', 'fake0');
const port = one('p1', 'p2', 'p3', 'bond0', 'br0');
const iface = one('p1', 'p2', 'p3', 'i1', 'i2');
const words = (...parts: (string | fc.Arbitrary<string>)[]) =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((list) => list.join(''));
const maybe = (option: string) => one('', '', `${option} `);

const portSettings = one(
  'tag=5',
  'tag=0',
  'tag=4096',
  'tag=[]',
  'trunks=1,2,3',
  'trunks=[4-6,9]',
  'trunks=5,5',
  'trunks=-1',
  'vlan_mode=access',
  'vlan-mode=trunk',
  'vlan_mode=bogus',
  'lacp=active',
  'bond_mode=balance-slb',
  'bond_updelay=100',
  'protected=true',
  'protected=maybe',
  'other_config:bond-primary=p1',
  'other-config:a=b',
  'other_config=a=1,b=2',
  'other_config={x="y z"}',
  'external_ids:k',
  'statistics:rx=5',
  'fake_bridge=false',
  'Tag=7',
  'mac="00:11:22:33:44:55"',
  'qos=[]',
  'nonsense=1',
  'other_config:a:b=c',
  'external_ids:"a b"=c',
);
const fixedSettings = one('name=other', 'name=p1', 'name=p3', 'tag=6');
const bridgeSettings = one(
  'fail_mode=secure',
  'fail-mode=standalone',
  'fail_mode=off',
  'fail_mode=[]',
  'protocols=OpenFlow13,OpenFlow10',
  'protocols=[]',
  'stp_enable=true',
  'stp=true',
  'flood_vlans=1,2',
  'other_config:hwaddr=aa:bb:cc:dd:ee:ff',
  'other_config:disable-in-band=true',
  'datapath_type=netdev',
  'mcast_snooping_enable=1',
  'd=1',
  'flow_tables:3=@t',
  'external_ids:x=',
);
const interfaceSettings = one(
  'type=internal',
  'type=""',
  'ofport_request=5',
  'ofport_request=0',
  'ofport_request=65279',
  'ofport_request=abc',
  'options:remote_ip=1.2.3.4',
  'options={key=1, csum=true}',
  'mtu_request=1400',
  'ingress_policing_rate=-1',
  'ingress_policing_rate=10',
  'cfm_mpid=1',
  'bfd:enable=true',
  'lldp:enable=yes',
  'external_ids:iface-id=x',
  'ofport_request=1.5',
  'ingress_policing_rate=0x10',
  'mtu_request=+9',
  'type=[]',
  'type=[internal]',
);
const command = fc.oneof(
  words(maybe('--may-exist'), 'add-br ', bridge),
  words(maybe('--may-exist'), 'add-br fake0 br0 ', one('5', '0', '4096')),
  words(maybe('--if-exists'), 'del-br ', bridge),
  words(maybe('--may-exist'), 'add-port ', bridge, ' ', iface),
  words(maybe('--may-exist'), 'add-port ', bridge, ' ', iface, ' ', portSettings),
  words('add-port ', bridge, ' ', iface, ' -- set Interface ', iface, ' ', interfaceSettings),
  words(
    maybe('--may-exist'),
    maybe('--fake-iface'),
    'add-bond ',
    bridge,
    ' bond0 ',
    iface,
    ' ',
    iface,
    ' ',
    portSettings,
  ),
  words(maybe('--if-exists'), maybe('--with-iface'), 'del-port ', port),
  words(maybe('--if-exists'), 'del-port ', bridge, ' ', port),
  words(maybe('--if-exists'), 'set Port ', port, ' ', portSettings, ' ', portSettings),
  words('set port ', port, ' ', portSettings),
  words('set port ', port, ' ', fixedSettings),
  words('add-port ', bridge, ' ', iface, ' -- set Port ', iface, ' ', fixedSettings),
  words('set Interface ', iface, ' name=', iface),
  words(
    one('clear Bridge br0 ports', 'clear Open_vSwitch . bridges', 'remove Bridge br0 ports p1'),
    ' -- add-port ',
    bridge,
    ' ',
    iface,
  ),
  words(maybe('--if-exists'), 'set Bridge ', bridge, ' ', bridgeSettings),
  words('set br br0 ', bridgeSettings),
  words(maybe('--if-exists'), 'set Interface ', iface, ' ', interfaceSettings),
  words(
    'set Open_vSwitch . ',
    one('other_config:vlan-limit=2', 'external_ids:a=b', 'next_cfg=4', 'ssl=[]', 'ovs_version="3"'),
  ),
  words(
    maybe('--if-exists'),
    'add Port ',
    port,
    ' ',
    one(
      'trunks 7',
      'trunks 7 8,9',
      'other_config a=b',
      'other_config a=z c=d',
      'tag 5',
      'trunks 5000',
      'trunks',
      'interfaces @x',
    ),
  ),
  words(
    maybe('--if-exists'),
    'remove Port ',
    port,
    ' ',
    one(
      'trunks 7',
      'trunks 1 2',
      'other_config a',
      'other_config a=b',
      'tag 5',
      'interfaces []',
      'name p1',
      'other_config a,b',
    ),
  ),
  words(
    maybe('--if-exists'),
    'clear Port ',
    port,
    ' ',
    one('trunks', 'tag', 'other_config', 'name', 'interfaces', 'bond_mode external_ids', 'nonsense'),
  ),
  words(
    maybe('--if-exists'),
    'clear Bridge br0 ',
    one('mirrors', 'sflow', 'flow_tables', 'fail_mode', 'controller', 'ports'),
  ),
  words(
    '--id=@m create Mirror name=',
    one('m0', 'm1'),
    ' ',
    one('select_all=true', 'output_vlan=5', 'output_vlan=0', 'snaplen=10', 'select_vlan=1,2'),
    ' -- ',
    one('set', 'add'),
    ' Bridge br0 mirrors',
    one('=', ' '),
    '@m',
  ),
  words(
    '--id=@p get Port ',
    port,
    ' -- --id=@m create Mirror name=m0 select_src_port=@p output_port=@p -- set Bridge br0 mirrors=@m',
  ),
  words(
    '--id=@s create sFlow targets=',
    one('"127.0.0.1:6343"', '[]', '"1.2.3.4","5.6.7.8"'),
    ' sampling=',
    one('64', 'x'),
    ' -- set Bridge br0 sflow=@s',
  ),
  words(
    '--id=@n create NetFlow targets="1.1.1.1:1" active_timeout=',
    one('-1', '-2', '60'),
    ' -- set Bridge br0 netflow=@n',
  ),
  words(
    '--id=@i create IPFIX targets="1.1.1.1:1" obs_domain_id=',
    one('5', '-1'),
    ' -- set Bridge br0 ipfix=@i',
  ),
  words('--id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=', one('1', '2'), ' bridge=@b'),
  words(
    '--id=@t create Flow_Table name=',
    one('t', 'u'),
    ' flow_limit=',
    one('5', '-5'),
    ' ',
    one('overflow_policy=evict', 'prefixes=ip_dst', 'prefixes=a,b,c,d', 'groups="NXM_OF_IN_PORT[]"'),
    ' -- set Bridge br0 flow_tables:',
    one('3', '255', 'x'),
    '=@t',
  ),
  words(
    '--id=@q create QoS type=linux-htb queues:',
    one('1', '2'),
    '=@u -- --id=@u create Queue dscp=',
    one('5', '64'),
    ' -- set Port ',
    port,
    ' qos=@q',
  ),
  words(
    maybe('--if-exists'),
    'destroy ',
    one('QoS', 'Mirror', 'sFlow', 'Flow_Sample_Collector_Set'),
    ' ',
    one('p1', 'm0', 'br0', '1'),
  ),
  words('--all destroy ', one('QoS', 'Queue', 'Flow_Sample_Collector_Set', 'Port')),
  words(
    maybe('--inactivity-probe=500'),
    'set-controller ',
    bridge,
    ' ',
    one('tcp:1.2.3.4', 'tcp:1.2.3.4 ssl:5.6.7.8', ''),
  ),
  words(
    one(
      'del-controller ',
      'get-controller ',
      'get-fail-mode ',
      'del-fail-mode ',
      'br-exists ',
      'br-to-vlan ',
      'br-to-parent ',
      'list-ports ',
      'list-ifaces ',
      'br-get-external-id ',
    ),
    bridge,
  ),
  words('set-fail-mode ', bridge, ' ', one('secure', 'standalone', 'none')),
  words('br-set-external-id ', bridge, ' ', one('k v', 'k', 'l w')),
  words(one('port-to-br ', 'iface-to-br '), one('p1', 'bond0', 'br0', 'i1')),
  words(
    one(
      'set-manager ptcp:6640',
      'set-manager a b',
      'del-manager',
      'get-manager',
      'init',
      'list-br',
      'set-ssl a b c',
      '--bootstrap set-ssl a b c',
      'del-ssl',
      'emer-reset',
    ),
  ),
  words(
    one('add-aa-mapping br0 1 2', 'del-aa-mapping br0 1 2', 'get-aa-mapping br0', 'add-aa-mapping br0 9 9'),
  ),
  words(
    maybe('--if-exists'),
    'get Port ',
    port,
    ' ',
    one('tag', 'trunks', 'other_config', 'other_config:a', 'vlan_mode', 'lacp', 'nonsense', 'name'),
  ),
  words(
    one(
      'bogus',
      'add-br',
      'add-port br0',
      'del-br a b',
      'set Port',
      '--bogus add-br x',
      'set Nothing p1 a=b',
      'add-bond br0 b p1',
      'create Port',
      'create Mirror nonsense=1',
      'set Port p1 tag',
      'del-port br0 br0',
      '--may-exist del-br br0',
    ),
  ),
);
const line = fc.array(command, { minLength: 1, maxLength: 3 }).map((commands) => commands.join(' -- '));
const begin = fc.constantFrom(
  'add-br br0',
  'add-br br0 -- add-port br0 p1 -- add-br br1',
  'add-br br0 -- add-port br0 p1 -- add-br fake0 br0 5',
);
const sequence = fc
  .tuple(begin, fc.array(line, { minLength: 3, maxLength: 8 }))
  .map(([first, rest]) => [first, ...rest]);

/** Lines that were answered otherwise once. */
const found: readonly (readonly string[])[] = [
  ['add-br br0', 'remove Port br0 name p1', 'add Port br0 name br0', 'set Port br0 name=br0'],
  ['add-br br0', 'add-port br0 p1 -- set Port p1 name=other', 'add-port br0 p1', 'list-ports br0'],
  ['add-br br0 -- add-port br0 p1', 'remove Bridge br0 ports p1', 'set Bridge br0 ports=p1'],
  [
    'add-br br0 -- add-br fake0 br0 5',
    'clear Bridge br0 ports -- add-port fake0 p1',
    'clear Bridge br0 ports -- list-br',
    'clear Bridge br0 ports -- add-port br0 fake0',
    'clear Open_vSwitch . bridges -- add-br br0',
  ],
  [
    'add-br br0',
    '--id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=1 bridge=@b',
    'del-br br0',
    'add-br br0',
    'list-br',
    '--all destroy Flow_Sample_Collector_Set',
    'add-br br0',
    '--id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=1 bridge=@b -- del-br br0',
  ],
];

/** Splits as the tests' own words are: blanks outside of quotes, which stay. */
function split(text: string): string[] {
  return (text.match(/(?:[^\s"{]|"[^"]*"|\{[^}]*\})+/g) ?? []).filter((word) => word !== '');
}

function ours(
  base: Configuration,
  text: string,
): { readonly next: Configuration; readonly outcome: Outcome } {
  try {
    const { configuration, outputs } = vsctl(base, split(text));
    const printed = outputs.filter((output) => output !== '').map((output) => `${output}\n`);
    return { next: configuration, outcome: { output: printed.join('') } };
  } catch (error) {
    const { code, message } = error as SlowpathError;
    if (code === undefined) throw error;
    return { next: base, outcome: { error: message } };
  }
}

/** Rows made by `create` print UUIDs, which differ. */
const plainOutput = (text: string) =>
  text.replace(/^[0-9a-f]{8}-[0-9a-f-]{27}$/gm, 'UUID').replace(/^\n/gm, '');

function sameOutcome(a: Outcome, b: Outcome): boolean {
  if ('error' in a || 'error' in b) return 'error' in a && 'error' in b;
  return plainOutput(a.output) === plainOutput(b.output);
}

describe('config: ovs-vsctl words beside ovs-vsctl', function () {
  const numRuns = Number(process.env.SLOWPATH_VSCTL_RUNS ?? 30);
  this.timeout(180_000 + 6000 * numRuns);
  let real: RealVsctl | null = null;
  before(async function () {
    real = await RealVsctl.start();
    skipUnless(this, real !== null, 'needs ovs-vsctl and ovsdb-server', false);
  });
  after(() => real?.close());

  it('the schema is that of Open vSwitch 3.1, and what is younger', () => {
    const { tables } = JSON.parse(readFileSync(real!.schema, 'utf8')) as {
      tables: Record<string, { columns: Record<string, unknown> }>;
    };
    const names = Object.entries(tables).map(([name, { columns }]) => [name, Object.keys(columns).sort()]);
    const younger = ['Flow_Sample_Collector_Set local_group_id'];
    const ours = [...SCHEMA].map(([name, { columns }]) => [
      name,
      [...columns.keys()].filter((column) => !younger.includes(`${name} ${column}`)).sort(),
    ]);
    expect(ours).to.have.deep.members(names);
  });

  async function compare(sequences: readonly (readonly string[])[]) {
    const kinds = { done: 0, refused: 0 };
    const differences: string[] = [];
    for (const lines of sequences) {
      await real!.reset();
      let configuration = emptyConfiguration();
      const told: string[] = [];
      for (const text of lines) {
        const theirs = await real!.vsctl(split(text));
        const base = configuration;
        const { next, outcome } = ours(base, text);
        configuration = next;
        told.push(text);
        kinds['error' in outcome ? 'refused' : 'done']++;
        if (sameOutcome(outcome, theirs)) continue;
        differences.push(
          `${told.join('\n')}\n  OVS: ${JSON.stringify(theirs)}\n  ours: ${JSON.stringify(outcome)}`,
        );
        configuration = base;
        break;
      }
      const [left, right] = [rowsOf(configuration), await real!.rows()].map((rows) => JSON.stringify(rows));
      if (left !== right) differences.push(`${told.join('\n')}\n  OVS: ${right}\n  ours: ${left}`);
    }
    return { kinds, differences };
  }

  it('lines that were answered otherwise once', async () => {
    const { differences } = await compare(found);
    expect(differences.length, differences.join('\n\n')).to.equal(0);
  });

  it('random command lines lead to the same rows, print the same, and are refused alike', async () => {
    const { kinds, differences } = await compare(fc.sample(sequence, { numRuns }));
    expect(differences.length, differences.slice(0, 20).join('\n\n')).to.equal(0);
    expect(kinds.done).to.be.above(20);
    expect(kinds.refused).to.be.above(20);
  });
});
