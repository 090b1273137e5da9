import { expect } from 'chai';
import { answerLine } from '../../ts/cli/index.js';
import type { BridgesCase, CaseBridge, CaseBridgePort, TraceAnswer } from '../../ts/trace/index.js';

/** A port with one interface, number `n` for OpenFlow and 10 + `n` for the datapath. */
function port(n: number, more: object = {}): CaseBridgePort {
  return {
    name: `e${n}`,
    interfaces: [{ name: `e${n}`, ofport: n, odpPort: 10 + n, type: 'dummy', ...more }],
  };
}

function bridge(flows: string[], more: Partial<CaseBridge> = {}): CaseBridge {
  const local = { name: 'sw', ofport: 65534, odpPort: 1, type: 'internal' };
  const ports = [{ name: 'sw', interfaces: [local] }, port(1), port(2), port(3)];
  return { name: 'sw', failMode: 'secure', ports, flows, ...more };
}

function ask(entry: Omit<BridgesCase, 'traces'>, ...argvs: string[][]): TraceAnswer[] {
  const request = { op: 'trace', case: { ...entry, traces: argvs.map((argv) => ({ argv })) } };
  const answer = JSON.parse(answerLine(JSON.stringify(request))) as { traces: TraceAnswer[]; error?: string };
  expect(answer.error).to.equal(undefined);
  return answer.traces;
}

const actions = (...traces: Parameters<typeof ask>) => ask(...traces).map((answer) => answer.datapathActions);

const UDP =
  'in_port(11),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=5,dst=6)';
const IGMP_REPORT =
  '01005E0A0A0A 020000000001 0800 4600002000000000 0102 0000 0A000001 E00A0A0A 94040000 1600 FFEA E00A0A0A'.replaceAll(
    ' ',
    '',
  );

describe('slowpath batch: cases that show their bridges', () => {
  it('are asked as ofproto/trace is: bridge or datapath, flow, packet', () => {
    const bridges = [bridge(['in_port=1,udp actions=output:2', 'in_port=1,icmp actions=output:3'])];
    const icmp =
      '0200000000020200000000010800450000 1c000000004001 0000 0a0000010a000002 0800f7ff00000000'.replaceAll(
        ' ',
        '',
      );
    expect(
      actions({ bridges }, ['sw', 'in_port=1,udp'], ['sw', 'in_port=e1,icmp'], ['ovs-dummy', UDP], [UDP]),
    ).to.deep.equal(['12', '13', '12', '12']);
    expect(actions({ bridges }, ['sw', 'in_port=1', icmp], ['in_port(11)', icmp])).to.deep.equal([
      '13',
      '13',
    ]);
    const recorded = { bridge: 'sw', datapath: null, flow: 'in_port=1,udp', options: [] };
    const line = JSON.stringify({ op: 'trace', case: { bridges, traces: [recorded] } });
    expect(JSON.parse(answerLine(line)).traces[0].datapathActions).to.equal('12');
  });

  it('have groups, meters without their bands, addresses and options', () => {
    const bridges = [
      bridge(
        [
          'in_port=1 actions=meter:7,group:3',
          'in_port=2 actions=NORMAL',
          'tun_metadata4=0x9 actions=output:3',
        ],
        {
          groups: ['group_id=3,type=all,bucket=bucket_id:0,actions=output:2'],
          meters: ['meter=7 pktps stats bands='],
          fdb: [{ port: '3', vlan: '0', mac: '02:00:00:00:00:03' }],
          tlvMap: ['0x102     0x5       4  tun_metadata4'],
        },
      ),
    ];
    const traces = [
      ['sw', 'in_port=1,udp'],
      ['sw', 'in_port=2,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:03'],
      ['sw', 'in_port=3,tun_dst=1.1.1.1,tun_metadata4=9'],
    ];
    expect(actions({ bridges }, ...traces)).to.deep.equal(['meter(0),12', '13', 'drop']);
    const [, , { megaflow }] = ask({ bridges }, ...traces);
    expect(megaflow).to.contain('tun_metadata4=0x9');
  });

  it('take flags of ports from the commands that set them, and flows where none are listed', () => {
    const setup = [
      { cmd: 'mod-port', bridge: 'sw', args: ['e2', 'noforward'] },
      { cmd: 'mod-port', bridge: 'sw', args: ['3', 'noflood'] },
      { cmd: 'mod-port', bridge: 'other', args: ['1', 'down'] },
      {
        cmd: 'add-flows',
        bridge: 'sw',
        text: '# all\npriority=1 actions=output:1,FLOOD\n\ntable=1 actions=drop\n',
      },
      { cmd: 'add-flow', bridge: 'sw', of: 'OpenFlow13', args: ['udp actions=FLOOD'] },
      { cmd: 'mod-flows', bridge: 'sw', args: ['udp actions=output:2,ALL'] },
      { cmd: 'del-flows', bridge: 'sw', args: ['icmp'] },
    ];
    const icmp = ['sw', 'in_port=LOCAL,icmp'];
    expect(actions({ bridges: [bridge([])], setup }, icmp, ['sw', 'in_port=LOCAL,udp'])).to.deep.equal([
      '11,11',
      '11,13',
    ]);
    expect(actions({ bridges: [bridge(['actions=drop'])], setup }, icmp)).to.deep.equal(['drop']);
  });

  it('take packets out of tunnels; the source port of one is not carried into the next', () => {
    const vxlan = (n: number, remote: string) =>
      port(n, { odpPort: 4789, type: 'vxlan', options: { remote_ip: remote, key: 'flow' } });
    const ports = [port(1), vxlan(2, '1.1.1.1'), vxlan(3, '2.2.2.2')];
    const bridges = [bridge(['actions=output:3'], { ports })];
    const key = `tunnel(tun_id=0x1,src=1.1.1.1,dst=5.5.5.5,tp_src=12345,tp_dst=4789,ttl=64,flags(key)),${UDP}`;
    expect(actions({ bridges }, [key.replace('in_port(11)', 'in_port(4789)')])).to.deep.equal([
      'set(tunnel(tun_id=0x1,dst=2.2.2.2,ttl=64,tp_dst=4789,flags(df|key))),4789',
    ]);
  });

  it('have side effects where a packet is sent, for the traces behind', () => {
    const learn = 'learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])';
    const bridges = [bridge([`in_port=1 actions=${learn}`, 'in_port=2 actions=resubmit(,1)'])];
    const back = ['sw', 'in_port=2,dl_dst=02:00:00:00:00:01'];
    expect(actions({ bridges }, [UDP], back, [UDP, '-generate'], back)).to.deep.equal([
      'drop',
      'drop',
      'drop',
      '11',
    ]);
  });

  it('know members of multicast groups, and learn more from IGMP packets', () => {
    const snooping = {
      mcast_snooping_enable: true,
      other_config: { 'mcast-snooping-disable-flood-unregistered': 'true' },
    };
    const data = 'udp,in_port=1,dl_dst=01:00:5e:0a:0a:0a,nw_dst=224.10.10.10';
    const known = [
      bridge(['actions=NORMAL'], {
        ...snooping,
        mdb: [
          ['2', '0', '224.10.10.10', '0'],
          ['3', '0', 'querier', '1'],
        ],
      }),
    ];
    expect(actions({ bridges: known }, ['sw', data])).to.deep.equal(['12,13']);
    const bridges = [bridge(['actions=NORMAL'], snooping)];
    const [, report, after] = ask({ bridges }, ['sw', data], ['in_port(12)', IGMP_REPORT], ['sw', data]);
    expect([report.slow, report.megaflow]).to.deep.equal([
      ['Uses action(s) not supported by datapath'],
      'recirc_id=0,eth,ip,in_port=2,dl_src=02:00:00:00:00:01,dl_dst=01:00:5e:0a:0a:0a,nw_proto=2,nw_frag=no',
    ]);
    expect(after.datapathActions).to.equal('12');
  });

  it('may name the ports of mirrors by UUIDs that nothing resolves', () => {
    const uuid = '11111111-2222-3333-4444-555555555555';
    const mirrors = [{ name: 'm', select_all: false, select_src_port: uuid, output_port: uuid }];
    const bridges = [bridge(['actions=output:2'], { mirrors })];
    expect(actions({ bridges }, ['sw', 'in_port=1'], ['sw', 'in_port=LOCAL'])).to.deep.equal(['13,12', '12']);
  });

  it('are refused by name of what is wrong', () => {
    const error = (entry: unknown) =>
      JSON.parse(answerLine(JSON.stringify({ op: 'trace', case: entry }))).error;
    expect(error({ bridges: [{}], traces: [] })).to.match(/^"case\.bridges" must be an array of bridges/);
    expect(error({ bridges: [bridge([])], traces: [{ argv: 1 }] })).to.match(/^"case\.traces" must be/);
    expect(error({ bridges: [bridge([])], traces: [{ argv: ['sw', 'in_port=1', 'xyz'] }] })).to.match(
      /"xyz" is no packet/,
    );
    expect(error({ bridges: [bridge([])], traces: [{ argv: [] }] })).to.match(/needs a flow/);
    expect(error({ bridges: [bridge(['actions=what'])], traces: [] })).to.match(/flow "actions=what"/);
  });
});
