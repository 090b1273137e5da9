import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { ethernet, MAC_A, MAC_B, udpFrame, udpPacket } from '../support/frames.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { deliver, openWith } from '../support/switch-frames.js';
import { describeSwitch } from '../support/switch-rig.js';

describeSwitch('recirculation and long action lists in the kernel', (rig) => {
  it('a packet without its MPLS label comes again, to be matched by what was under it', async () => {
    const { theSwitch } = openWith(
      rig(),
      'mpls,mpls_label=77 actions=pop_mpls:0x0800,resubmit(,1)\ntable=1,udp,tp_dst=2000 actions=set_field:53->udp_dst,output:2',
    );
    const payload = Buffer.concat([Buffer.from('0004d140', 'hex'), udpPacket(1000, 2000, Buffer.alloc(32))]);
    const frame = ethernet({ src: MAC_A, dst: MAC_B, type: 0x8847, payload });
    for (const _ of [1, 2]) {
      const [, two] = await deliver(rig(), 1, [frame], [0, 1]);
      expect([two[0].readUInt16BE(12), two[0].readUInt16BE(36)]).to.deep.equal([0x0800, 53]);
    }
    expect(await flowsLike(theSwitch, /actions:pop_mpls\(eth_type=0x800\),recirc/)).to.have.length(1);
    await expectAccepted(theSwitch);
  });

  /** Flows that do `actions` a hundred times and that `hundreds` times for UDP port 2000, and send port 2001 to port 3. */
  const many = (actions: string, hundreds: number) =>
    `udp,tp_dst=2000 actions=${Array.from({ length: hundreds }, () => 'resubmit(,1)').join(',')}
     table=1 actions=${Array.from({ length: 100 }, () => actions).join(',')}
     udp,tp_dst=2001 actions=output:3`;

  it('many outputs are one flow of the kernel', async () => {
    const { theSwitch } = openWith(rig(), many('output:2', 9));
    for (const round of [1, 2]) {
      const got = await deliver(rig(), 1, [udpFrame()], [0, 900]);
      expect(got[1], `round ${round}`).to.have.length(900);
    }
    expect(theSwitch.stats().upcall).to.include({ miss: 1, installs: 1 });
    await expectAccepted(theSwitch);
  });

  it('more than one message holds are done in parts, packet by packet', async () => {
    const { theSwitch } = openWith(rig(), many('output:2', 90));
    for (const round of [1, 2]) {
      const got = await deliver(rig(), 1, [udpFrame()], [0, 9000]);
      expect(got[1], `round ${round}`).to.have.length(9000);
    }
    expect(theSwitch.stats().upcall).to.include({ miss: 1, slow_path: 1 });
    expect(await flowsLike(theSwitch, /slow_path\(action\)/)).to.have.length(1);
    await expectAccepted(theSwitch);
  });

  it('actions that the kernel does not take cost an upcall a packet, and nobody else anything', async () => {
    // 80 bytes for two outputs; the kernel keeps 32 KiB for each flow, as OVS finds out too.
    const both = `set_field:${MAC_A}->eth_dst,output:2,set_field:${MAC_B}->eth_dst,output:2`;
    const { theSwitch } = openWith(rig(), many(both, 5));
    for (const count of [1, 2]) {
      const got = await deliver(rig(), 1, [udpFrame(), udpFrame(1000, 2001)], [0, 0, 1]);
      expect(got.map(({ length }) => length)).to.deep.equal([0, 0, 1]);
      await eventually('both are refused', () => {
        const { install_failures, execute_failures } = theSwitch.stats().upcall;
        return install_failures === count && execute_failures === count;
      });
      expect(theSwitch.stats().upcall.miss).to.equal(count + 1);
    }
  });
});
