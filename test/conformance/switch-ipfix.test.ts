import { expect } from 'chai';
import { runCommand } from '../../ts/control/index.js';
import type { Switch } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { readIpfix } from '../support/ipfix-messages.js';
import { IpfixCollector, type IpfixRecord, ipfixRecords } from '../support/ipfix-records.js';
import { openWith } from '../support/switch-frames.js';
import { describeSwitch } from '../support/switch-rig.js';
import { sendFrames } from '../support/traffic.js';
import { needsTshark } from '../support/tshark.js';

const MACS = { srcmac: '0a:00:00:00:00:01', dstmac: '0a:00:00:00:00:02' };
const ETHERNET = { ethernet_type: '2048', ethernet_header_length: '14', ...MACS };
const IPV4 = { ip_version: '4', ip_ttl: '64', ip_dscp: '0', ip_precedence: '0', tos: '0x00' };
const ADDRESSES = { srcaddr: '10.9.0.1', dstaddr: '10.9.0.2' };
const ADDRESSES6 = { srcaddrv6: 'fd09::1', dstaddrv6: 'fd09::2', ipv6flowlabel: '74565' };
const PORTS = { srcport: '1000', dstport: '2000' };

/** What records say of frames, and their bytes beyond Ethernet and tags; null where records do not know of IP. */
const KNOWN: Readonly<Record<string, readonly [fields: IpfixRecord, octets: number | null]>> = {
  udp: [
    {
      ...ETHERNET,
      ...IPV4,
      ...ADDRESSES,
      ...PORTS,
      protocol: '17',
      ip_ttl: '63',
      ip_dscp: '46',
      ip_precedence: '5',
      tos: '0xb9',
    },
    60,
  ],
  tcp: [{ ...ETHERNET, ...IPV4, ...ADDRESSES, ...PORTS, protocol: '6' }, 50],
  icmp: [{ ...ETHERNET, ...IPV4, ...ADDRESSES, protocol: '1', icmp_ipv4_type: '8', icmp_ipv4_code: '3' }, 36],
  vlan: [
    {
      ...{ ...ETHERNET, ...IPV4, ...ADDRESSES, ...PORTS, protocol: '17', ethernet_header_length: '18' },
      ...{ vlanid: '99', dot1q_vlan_id: '99', dot1q_priority: '5' },
    },
    48,
  ],
  icmp6: [
    {
      ...{ ...ETHERNET, ...IPV4, ...ADDRESSES6, ethernet_type: '34525', ip_version: '6', protocol: '58' },
      ...{ icmp_ipv6_type: '128', icmp_ipv6_code: '2' },
    },
    56,
  ],
  multicast: [
    {
      ...ETHERNET,
      ...IPV4,
      ...ADDRESSES,
      ...PORTS,
      protocol: '17',
      dstmac: '01:00:5e:00:00:05',
      dstaddr: '224.0.0.5',
    },
    44,
  ],
  arp: [{ ...ETHERNET, ethernet_type: '2054', dstmac: 'ff:ff:ff:ff:ff:ff' }, null],
  other: [{ ...ETHERNET, ethernet_type: '4660' }, null],
};

/** A counter of the exporters. */
const counter = (theSwitch: Switch, name: string) =>
  theSwitch.stats().exporters.find((one) => one.name === name)!.total;

describeSwitch('switch: IPFIX', (rig) => {
  const frames = ipfixFrames();
  let collector: IpfixCollector;

  before(function () {
    needsTshark(this);
  });
  beforeEach(async () => {
    collector = await IpfixCollector.start();
  });
  afterEach(() => collector.close());

  const vsctl = (theSwitch: Switch, line: string) =>
    expect(theSwitch.vsctl(line.replaceAll('TARGET', collector.target).split(' ')).errors).to.deep.equal([]);
  const send = (...names: readonly string[]) =>
    sendFrames(
      rig().hosts[0].namespace,
      'eth0',
      names.map((name) => frames[name]),
    );
  /** One by one: each is in the datapath before the next comes, so records come in this order. */
  const sendEach = async (names: readonly string[], recordsOfEach: number) => {
    for (const [i, name] of names.entries()) {
      send(name);
      await collector.until((i + 1) * recordsOfEach);
    }
  };
  const ask = (theSwitch: Switch, command: string) =>
    runCommand({ theSwitch } as Parameters<typeof runCommand>[0], command, ['br0']);

  it('tells every field of packets of a bridge on their way in and out', async () => {
    const { theSwitch, ports } = openWith(rig(), 'in_port=1 actions=output:2');
    vsctl(
      theSwitch,
      'set Bridge br0 ipfix=@i -- --id=@i create IPFIX targets="TARGET" sampling=1 obs_domain_id=17 obs_point_id=23',
    );
    const names = Object.keys(KNOWN);
    await sendEach(names, 2);
    const records = await collector.records(2 * names.length);
    const totals = { packets: 0, out: 0, layer2: 0, octets: 0, squares: 0, multicast: 0, multicastOctets: 0 };
    const ways = {
      ingress_unicast: 0,
      ingress_multicast: 0,
      ingress_broadcast: 0,
      egress_unicast: 0,
      egress_broadcast: 0,
    };
    const flags = (n: number) =>
      Object.fromEntries(
        ['ack', 'fin', 'psh', 'rst', 'syn', 'urg'].map((flag) => [`total_tcp_${flag}`, `${n}`]),
      );
    const expected = names.flatMap((name) =>
      ['0', '1'].map((direction) => {
        const [fields, octets] = KNOWN[name];
        const bytes = frames[name].length;
        const way = { multicast: 'multicast', arp: 'broadcast' }[name] ?? 'unicast';
        const multicastOut = direction === '1' && way === 'multicast';
        totals.packets++;
        totals.layer2 += bytes;
        totals.octets += octets ?? 0;
        totals.squares += (octets ?? 0) ** 2;
        if (multicastOut) totals.multicast++;
        else ways[`${direction === '0' ? 'ingress' : 'egress'}_${way}` as keyof typeof ways]++;
        if (multicastOut) totals.multicastOctets += octets!;
        return {
          ...{ od_id: '17', observation_point_id: '23', direction, ...fields },
          ...{ inputint: `${ports[0].ifindex}`, ingress_interface_type: '0', if_name: 'p1' },
          ...(direction === '1' && {
            outputint: `${ports[1].ifindex}`,
            egress_interface_type: '0',
            if_name_2: 'p2',
          }),
          ...{ drop_packets: '0', drop_total_packets: '0', flow_end_reason: '2' },
          ...{ packets: '1', permanent_packets: `${totals.packets}` },
          ...{ mulpackets: multicastOut ? '1' : '0', post_total_mulpackets: `${totals.multicast}` },
          ...Object.fromEntries(
            Object.entries(ways).map(([one, n]) => [`${one}_packet_total_count`, `${n}`]),
          ),
          ...{ layer2_octet_delta_count: `${bytes}`, layer2_octet_total_count: `${totals.layer2}` },
          ...(octets !== null && {
            ...{
              drop_octets: '0',
              drop_total_octets: '0',
              octets: `${octets}`,
              permanent_octets: `${totals.octets}`,
            },
            ...{ delta_octets_squared: `${octets ** 2}`, total_octets_squared: `${totals.squares}` },
            ...{ length_min: `${octets}`, length_max: `${octets}` },
            ...{
              muloctets: multicastOut ? `${octets}` : '0',
              post_total_muloctets: `${totals.multicastOctets}`,
            },
          }),
          ...(name === 'tcp' && flags(direction === '0' ? 1 : 2)),
        };
      }),
    );
    expect(records).to.deep.equal(expected);
    const sequences = collector.messages.map(readIpfix).filter(({ domain }) => domain === 17);
    expect(sequences.at(-1)!.sequence).to.equal(2 * names.length - 1);
    const messages = collector.messages.length;
    expect(await ask(theSwitch, 'ofctl/dump-ipfix-bridge')).to.equal(
      `  bridge ipfix: flows=16, current flows=0, sampled pkts=16, ipv4 ok=10, ipv6 ok=2, tx pkts=${messages}\n` +
        '                pkts errs=0, ipv4 errs=0, ipv6 errs=0, tx errs=0',
    );
  });

  it('samples one direction or the other, and goes on when that and the observation point change', async () => {
    const { theSwitch } = openWith(rig(), 'in_port=1,udp actions=output:2,output:3');
    vsctl(
      theSwitch,
      'set Bridge br0 ipfix=@i -- --id=@i create IPFIX targets="TARGET" sampling=1 other_config:enable-input-sampling=false',
    );
    await sendEach(['udp'], 2);
    const set =
      'set IPFIX . other_config:enable-input-sampling=true other_config:enable-output-sampling=false';
    vsctl(theSwitch, set.replace('IPFIX .', `IPFIX ${theSwitch.configuration.rows('IPFIX')[0].uuid}`));
    await theSwitch.revalidate();
    vsctl(theSwitch, `set IPFIX ${theSwitch.configuration.rows('IPFIX')[0].uuid} obs_point_id=9`);
    // The last one hits the flow that the one before it made.
    send('udp', 'tcp');
    await collector.until(4);
    send('tcp syn');
    const records = await collector.records(5);
    expect(
      records.map(
        ({ direction, if_name_2, observation_point_id: point, drop_packets, permanent_packets }) => [
          ...[direction, if_name_2, point, drop_packets, permanent_packets],
        ],
      ),
    ).to.deep.equal([
      ['1', 'p2', '0', '0', '1'],
      ['1', 'p3', '0', '0', '2'],
      ['0', undefined, '9', '0', '3'],
      ['0', undefined, '9', '1', '4'],
      ['0', undefined, '9', '1', '5'],
    ]);
    vsctl(theSwitch, 'clear Bridge br0 ipfix');
    const failure = await ask(theSwitch, 'ofctl/dump-ipfix-bridge').catch((error: Error) => error.message);
    expect(failure).to.match(/^NXST_NOT_CONFIGURED/);
  });

  it('gathers samples of a flow until their time is over, or the bridge does not export any more', async () => {
    const { theSwitch } = openWith(rig(), 'in_port=1 actions=output:2');
    vsctl(
      theSwitch,
      'set Bridge br0 ipfix=@i -- --id=@i create IPFIX targets="TARGET" sampling=1 cache_active_timeout=3 cache_max_flows=100 other_config:enable-output-sampling=false',
    );
    send('udp', 'udp', 'udp long', 'tcp');
    await eventually('the samples are there', () => counter(theSwitch, 'ipfix_samples') === 4);
    const gathered = await collector.records(2);
    const seen = ({
      packets,
      octets,
      length_min: min,
      length_max: max,
      flow_end_reason: reason,
    }: IpfixRecord) => [packets, octets, min, max, reason].join(' ');
    expect(gathered.map(seen)).to.have.members(['3 448 60 328 2', '1 50 50 50 2']);
    vsctl(theSwitch, `set IPFIX ${theSwitch.configuration.rows('IPFIX')[0].uuid} cache_active_timeout=4000`);
    send('arp', 'icmp');
    await eventually('the samples are there', () => counter(theSwitch, 'ipfix_samples') === 6);
    expect(await ask(theSwitch, 'ofctl/dump-ipfix-bridge')).to.match(
      /flows=4, current flows=2, sampled pkts=6/,
    );
    vsctl(theSwitch, 'clear Bridge br0 ipfix');
    const last = (await collector.records(4)).slice(2);
    expect(
      last.map(({ ethernet_type: type, flow_end_reason: reason }) => [type, reason]),
    ).to.have.deep.members([
      ['2054', '4'],
      ['2048', '4'],
    ]);
  });

  it('tells what flows sample, by collector set, domain, point and direction', async () => {
    const sample = (words: string) => `actions=sample(probability=65535,${words}),output:2`;
    const flows = [
      `in_port=1,udp ${sample('collector_set_id=1,obs_domain_id=5,obs_point_id=6')}`,
      `in_port=1,tcp ${sample('collector_set_id=2,obs_domain_id=15,obs_point_id=16,sampling_port=2')}`,
      `in_port=1,icmp ${sample('collector_set_id=2,obs_domain_id=15,obs_point_id=17,sampling_port=1,egress')}`,
      `in_port=1,arp ${sample('collector_set_id=7,obs_domain_id=15')}`,
      `in_port=1,icmp6 ${sample('collector_set_id=1,obs_domain_id=5,obs_point_id=8,sampling_port=2,ingress')}`,
    ];
    const { theSwitch } = openWith(rig(), flows.join('\n'));
    const set = (id: number, columns: string) =>
      vsctl(
        theSwitch,
        `-- --id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=${id} bridge=@b ipfix=@i -- --id=@i create IPFIX targets="TARGET" ${columns}`,
      );
    set(2, 'other_config:virtual_obs_id=here');
    set(1, 'obs_domain_id=99');
    await sendEach(['udp', 'tcp', 'icmp'], 1);
    send('arp');
    await eventually('the sample of no set', () => counter(theSwitch, 'ipfix_unknown_sets') === 1);
    send('icmp6');
    // Collector sets are sessions of their own, and templates hold within one.
    await collector.until(4);
    const domains = [5, 15].map((domain) =>
      collector.messages.filter((message) => readIpfix(message).domain === domain),
    );
    const records = [...(await ipfixRecords(domains[0])), ...(await ipfixRecords(domains[1]))];
    const seen = records.map(
      ({ od_id: domain, observation_point_id: point, direction, if_name_2: out, protocol }) =>
        [domain, point, direction, out ?? '-', protocol].join(' '),
    );
    expect(seen).to.deep.equal(['5 6 0 - 17', '5 8 0 - 58', '15 16 1 p2 6', '15 17 1 - 1']);
    const text = await ask(theSwitch, 'ofctl/dump-ipfix-flow');
    expect(text.split('\n').filter((line) => line.includes('id'))).to.deep.equal([
      '  id   1: flows=2, current flows=0, sampled pkts=2, ipv4 ok=1, ipv6 ok=1, tx pkts=22',
      '  id   2: flows=2, current flows=0, sampled pkts=2, ipv4 ok=2, ipv6 ok=0, tx pkts=22',
    ]);
  });
});
