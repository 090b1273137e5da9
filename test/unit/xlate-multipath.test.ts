import { expect } from 'chai';
import { F_REG0, F_VLAN_TCI } from '../../ts/fields/index.js';
import { type MultipathFields, parseFlow, parseFlowKey } from '../../ts/openflow/index.js';
import { hashFields, Translator } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch } from '../support/xlate.js';

const ARP = 'arp,in_port=2,dl_src=50:54:00:00:00:05,dl_dst=50:54:00:00:00:02,arp_op=1,arp_spa=10.0.0.3';
const LLDP = 'in_port=2,dl_src=50:54:00:00:00:05,dl_dst=50:54:00:00:00:02,dl_type=0x88cc';
const IP = 'in_port=2,nw_src=10.0.0.3,nw_dst=10.0.1.1';

function hash(flow: string, fields: MultipathFields, basis: number): number {
  return hashFields(parseFlowKey(flow), fields, basis, new Int32Array(9));
}

describe('multipath: symmetric hashes of layers 3 and 4', () => {
  it('go by the Ethernet header of packets that are not IP', () => {
    // As ovs-vswitchd's modulo_n over 60000 links.
    for (const fields of ['symmetric_l3l4', 'symmetric_l3l4+udp'] as const) {
      expect(hash(ARP, fields, 7) % 60000).to.equal(0x8691);
      expect(hash(ARP, fields, 0) % 60000).to.equal(0x9ec1);
      expect(hash(LLDP, fields, 50) % 60000).to.equal(0x6571);
      expect(hash(LLDP, fields, 1024) % 60000).to.equal(0xc0da);
    }
  });

  it('leave ports of all fragments out, so that those of one packet stay together', () => {
    const later = hash(`tcp,${IP},nw_frag=later`, 'symmetric_l3l4', 7);
    expect(later % 60000).to.equal(0x357c);
    expect(hash(`tcp,${IP},nw_frag=first,tp_src=5,tp_dst=80`, 'symmetric_l3l4', 7)).to.equal(later);
    expect(hash(`tcp,${IP},tp_src=5,tp_dst=80`, 'symmetric_l3l4', 7)).not.to.equal(later);
  });
});

describe('multipath behind a header that was put on', () => {
  it('goes by tags, which it matches, and not by addresses, which are out of sight', () => {
    const { snapshot } = makeSwitch({
      ports: [{ ofport: 1 }],
      flows: [
        'ip actions=encap(mpls),multipath(symmetric_l4,7,modulo_n,65536,0,NXM_NX_REG0[0..15]),output:NXM_NX_REG0[]',
      ],
    });
    const translator = new Translator();
    const chosen = (packet: string) => {
      const { mask } = translator.translate(snapshot, makeKey(packet), 0);
      return { link: translator.finalFlow[F_REG0], matchesTag: mask[F_VLAN_TCI] !== 0 };
    };
    // As ovs-vswitchd's links. That there is no tag need not be matched: datapaths always do.
    expect(chosen('ip,in_port=1').link).to.equal(0x755);
    expect(chosen('ip,in_port=1,dl_src=00:00:00:00:00:01').link).to.equal(0x755);
    expect(chosen('ip,in_port=1,dl_vlan=100,dl_vlan_pcp=0')).to.deep.equal({
      link: 0xfa1c,
      matchesTag: true,
    });
  });
});

describe('flows that set fields of ICMP', () => {
  it('need not tell fragments, as flows that set ports must', () => {
    const set = (match: string, field: string) =>
      parseFlow(`${match},ip_frag=later actions=set_field:1->${field}`, { version: 'OpenFlow15' });
    expect(set('icmp', 'icmp_type').actions).to.have.length(1);
    expect(set('icmp6', 'icmpv6_code').actions).to.have.length(1);
    expect(() => set('tcp', 'tcp_src')).to.throw(/needs a flow that matches tcp/);
  });

  it('reach what neighbour discovery adds, by the names of OVS', () => {
    const { actions } = parseFlow(
      'icmp6,icmpv6_type=135,icmpv6_code=0 actions=load:1->ERICOXM_OF_ICMPV6_ND_RESERVED[0..7],load:1->ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[]',
    );
    expect(actions).to.have.length(2);
  });
});
