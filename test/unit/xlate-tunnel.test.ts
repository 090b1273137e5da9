import { expect } from 'chai';
import {
  F_IN_PORT,
  F_NW_TOS,
  F_PACKET_TYPE,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_SRC,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { buildCase, traceCase } from '../../ts/trace/index.js';

const bridge = (...ports: readonly string[]) =>
  [
    'add-br br0 -- set bridge br0 datapath-type=dummy fail-mode=secure -- add-port br0 p1 -- set Interface p1 type=dummy ofport_request=1',
    ...ports.map(
      (port, i) => `-- add-port br0 t${i} -- set Interface t${i} ofport_request=${10 + i} ${port}`,
    ),
  ]
    .join(' ')
    .split(' ');

const TCP =
  'tcp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=32,nw_ecn=1,nw_ttl=9';

function actionsOf(vsctl: readonly string[], flows: readonly string[], flow: string): string {
  const [answer] = traceCase({ topology: { vsctl }, flows, traces: [{ bridge: 'br0', flow }] }).traces;
  return answer.datapathActions;
}

/** Ports of a case by what packets were encapsulated with. */
function finder(...ports: readonly string[]) {
  const { model } = buildCase({ topology: { vsctl: bridge(...ports) }, traces: [] });
  return (source: number, target: number, id: number, packetType = 0) => {
    const key = new Int32Array(FLOW_WORDS);
    key[F_IN_PORT] = model.tunnels[0].odpPort;
    key[F_TUN_SRC] = source;
    key[F_TUN_DST] = target;
    key[F_TUN_ID + 1] = id;
    key[F_PACKET_TYPE] = packetType;
    return model.tunnelPorts.find(key, 0)?.ofport ?? null;
  };
}

describe('tunnel ports', () => {
  it('are found by key, then by remote, then by local address', () => {
    const find = finder(
      'type=vxlan options:remote_ip=1.1.1.1 options:key=5',
      'type=vxlan options:remote_ip=1.1.1.1 options:local_ip=2.2.2.2 options:key=5',
      'type=vxlan options:remote_ip=flow options:key=6',
      'type=vxlan options:remote_ip=flow options:key=flow',
      'type=vxlan options:remote_ip=1.1.1.1 options:key=flow',
    );
    expect(find(0x01010101, 0x02020202, 5)).to.equal(11);
    expect(find(0x01010101, 0x03030303, 5)).to.equal(10);
    expect(find(0x09090909, 0x03030303, 6)).to.equal(12);
    expect(find(0x01010101, 0x03030303, 7)).to.equal(14);
    expect(find(0x09090909, 0x03030303, 7)).to.equal(13);
  });

  it('tell packets without Ethernet headers apart', () => {
    const find = finder(
      'type=gre options:remote_ip=1.1.1.1 options:packet_type=legacy_l3',
      'type=gre options:remote_ip=1.1.1.1',
      'type=gre options:remote_ip=flow options:packet_type=ptap',
    );
    expect(find(0x01010101, 0x02020202, 0, 0x10800)).to.equal(10);
    expect(find(0x01010101, 0x02020202, 0)).to.equal(11);
    expect(find(0x09090909, 0x02020202, 0, 0x10800)).to.equal(12);
    expect(find(0x09090909, 0x02020202, 0)).to.equal(12);
  });

  it('take no packet that nobody asked for', () => {
    expect(finder('type=gre options:remote_ip=1.1.1.1 options:key=3')(0x01010101, 0x02020202, 4)).to.equal(
      null,
    );
  });
});

describe('output to tunnels', () => {
  it('sets the encapsulation before other changes, and once', () => {
    const vsctl = bridge(
      'type=vxlan options:remote_ip=1.1.1.1 options:key=flow options:tos=inherit options:ttl=inherit',
    );
    const actions = actionsOf(
      vsctl,
      ['ip,in_port=1 actions=set_tunnel:5,mod_nw_src:10.0.0.9,10,10,set_tunnel:6,10'],
      `in_port=1,${TCP}`,
    );
    const tunnel = (id: number) =>
      `set(tunnel(tun_id=0x${id},dst=1.1.1.1,tos=0x21,ttl=9,tp_dst=4789,flags(df|key)))`;
    expect(actions).to.equal(`${tunnel(5)},set(ipv4(src=10.0.0.9)),4789,4789,${tunnel(6)},4789`);
  });

  it('marks what the outer header inherits', () => {
    const [answer] = traceCase({
      topology: {
        vsctl: bridge('type=gre options:remote_ip=1.1.1.1 options:tos=inherit options:ttl=inherit'),
      },
      flows: ['actions=10'],
      traces: [{ bridge: 'br0', flow: `in_port=1,${TCP}` }],
    }).traces;
    expect(answer.megaflow).to.equal('recirc_id=0,eth,ip,in_port=1,nw_tos=32,nw_ecn=1,nw_ttl=9,nw_frag=no');
  });

  it('does not send packets back to their own end of the tunnel', () => {
    const vsctl = bridge(
      'type=gre options:remote_ip=flow options:key=flow',
      'type=vxlan options:remote_ip=1.1.1.1',
    );
    const packet = `in_port=10,tun_src=1.1.1.1,tun_dst=2.2.2.2,tun_ttl=64,${TCP}`;
    expect(actionsOf(vsctl, ['actions=in_port,1'], packet)).to.equal('1');
    expect(actionsOf(vsctl, ['actions=11'], packet)).to.match(/^set\(tunnel\(dst=1\.1\.1\.1,/);
  });

  it('has the ERSPAN header that options and flows say', () => {
    const header = (options: string, sets = '') => {
      const port = `type=erspan options:remote_ip=1.1.1.1 options:key=5 ${options}`;
      return /erspan\(.*?\)/.exec(
        actionsOf(bridge(port), [`ip actions=${sets}output:10`], `in_port=1,${TCP}`),
      )?.[0];
    };
    const sets = 'set_field:1->tun_erspan_ver,set_field:9->tun_erspan_idx,';
    expect(header('options:erspan_ver=1 options:erspan_idx=10')).to.equal('erspan(ver=1,idx=0x10)');
    expect(header('options:erspan_ver=1 options:erspan_idx=0xfffff', sets)).to.equal(
      'erspan(ver=1,idx=0xfffff)',
    );
    expect(header('options:erspan_ver=flow options:erspan_idx=5', sets)).to.equal('erspan(ver=1,idx=0x9)');
    expect(header('options:erspan_ver=1 options:erspan_idx=flow', sets)).to.equal('erspan(ver=1,idx=0x9)');
    expect(() => header('options:erspan_ver=2 options:erspan_hwid=40')).to.throw(
      /no hexadecimal number up to 3f/,
    );
  });

  it('takes off what only one bucket puts on', () => {
    const [answer] = traceCase({
      topology: { vsctl: bridge('type=gre options:remote_ip=1.1.1.1 options:packet_type=ptap') },
      groups: [
        'group_id=1,type=all,bucket=actions=encap(nsh(md_type=1)),output:10,bucket=actions=in_port,bucket=actions=in_port',
      ],
      flows: ['tcp actions=group:1'],
      traces: [{ bridge: 'br0', flow: `in_port=1,${TCP}` }],
    }).traces;
    const nsh = 'push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x0,si=255,c1=0x0,c2=0x0,c3=0x0,c4=0x0)';
    expect(answer.datapathActions).to.equal(
      `set(tunnel(dst=1.1.1.1,ttl=64,flags(df))),${nsh},2,pop_nsh(),1,1`,
    );
  });

  it('sends packets without Ethernet headers by ports that want them so', () => {
    const vsctl = bridge('type=gre options:remote_ip=1.1.1.1 options:packet_type=legacy_l3');
    const actions = actionsOf(vsctl, ['in_port=1 actions=10,in_port,10'], `in_port=1,${TCP}`);
    expect(actions).to.equal(
      'set(tunnel(dst=1.1.1.1,tos=0x1,ttl=64,flags(df))),pop_eth,2,push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),1,pop_eth,2',
    );
  });
});

describe('packets out of tunnels', () => {
  it('that come without an Ethernet header get one, once, wherever they are output first', () => {
    const layer3 = bridge('type=gre options:remote_ip=1.1.1.1 options:packet_type=legacy_l3');
    const packet =
      'in_port=10,packet_type=(1,0x800),tun_src=1.1.1.1,tun_dst=2.2.2.2,tun_ttl=64,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_ttl=9';
    const framed = 'push_eth(src=00:00:00:00:00:00,dst=00:00:00:00:00:00)';
    expect(actionsOf(layer3, ['actions=clone(1),clone(1),1'], packet)).to.equal(`${framed},1,1,1`);
    expect(actionsOf(layer3, ['actions=clone(load:1->NXM_NX_REG0[]),1,1'], packet)).to.equal(`${framed},1,1`);
  });

  const vsctl = bridge('type=gre options:remote_ip=flow options:key=flow');
  const marked = (tos: number) =>
    `in_port=10,tun_src=1.1.1.1,tun_dst=2.2.2.2,tun_ttl=64,tun_tos=3,${TCP.replace('nw_tos=32,nw_ecn=1', `nw_tos=0,nw_ecn=${tos}`)}`;

  it('take congestion marks over, and are dropped when they cannot', () => {
    expect(F_NW_TOS).to.be.a('number');
    expect(actionsOf(vsctl, ['actions=1'], marked(1))).to.equal('set(ipv4(tos=0x3/0x3)),1');
    expect(actionsOf(vsctl, ['actions=1'], marked(3))).to.equal('1');
    expect(actionsOf(vsctl, ['actions=1'], marked(0))).to.equal('drop');
  });
});
