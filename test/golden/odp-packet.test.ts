import { expect } from 'chai';
import { checksumsRight, readPacket } from '../../ts/packet/index.js';
import { fromHexText, odpCases } from './odp-cases.js';

describe('golden: packets composed by OVS', () => {
  const packets = odpCases.filter((c) => c.packet !== undefined);

  it('have checksums that we find right', () => {
    expect(packets.length).to.be.greaterThan(300);
    let checked = 0;
    for (const c of packets) {
      const packet = fromHexText(c.packet!);
      expect(checksumsRight(packet), c.in).to.equal(true);
      const { tcp, udp, icmp } = readPacket(packet);
      if (tcp ?? udp ?? icmp) checked++;
    }
    expect(checked).to.be.greaterThan(150);
  });

  it('have the headers that OVS says', () => {
    for (const c of packets) {
      const { ethernet, ip, tcp } = readPacket(fromHexText(c.packet!));
      expect(c.flow, c.in).to.include(`dl_src=${ethernet!.src}`).and.include(`dl_dst=${ethernet!.dst}`);
      if (ip?.version === 4) expect(c.flow).to.include(`nw_src=${ip.src},nw_dst=${ip.dst}`);
      if (ip?.version === 6) expect(c.flow).to.include(`ipv6_src=${ip.src},ipv6_dst=${ip.dst}`);
      if (tcp !== undefined) expect(c.flow).to.include(`tp_src=${tcp.src},tp_dst=${tcp.dst}`);
    }
  });
});
