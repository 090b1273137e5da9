import { expect } from 'chai';
import { ethernet, udpFrame, udpPacket } from '../support/frames.js';
import { expectAccepted } from '../support/switch-checks.js';
import { deliver, openWith } from '../support/switch-frames.js';
import { describeSwitch, type RunningSwitch } from '../support/switch-rig.js';

const FLOWS = 'in_port=1 actions=output:2\nin_port=2 actions=output:1';

describeSwitch('switch: mirrors', (rig) => {
  const frame = udpFrame(1000, 2000, {}, Buffer.alloc(200, 0x5a));
  const tagged = (vlan: number) =>
    ethernet({ type: 0x0800, tags: [[0x8100, vlan]], payload: udpPacket(1000, 2000, Buffer.alloc(32)) });
  const hex = (frames: readonly Buffer[]) => frames.map((one) => one.toString('hex'));

  /** A switch with a mirror of these settings; @p1, @p2 and @p3 are the ports. */
  function open(settings: string, flows = FLOWS): RunningSwitch {
    const running = openWith(rig(), flows);
    const ids = [1, 2, 3].map((i) => `--id=@p${i} get Port p${i} --`).join(' ');
    const words = `${ids} --id=@m create Mirror name=m0 ${settings} -- set Bridge br0 mirrors=@m`;
    running.theSwitch.vsctl(['--', ...words.split(' ')]);
    return running;
  }

  /** Frames that host 3 gets when this many of them come, twice: by the slow path and by the flow. */
  async function mirrored(
    running: RunningSwitch,
    from: 1 | 2,
    sent: Buffer,
    count: number,
  ): Promise<string[]> {
    const others = from === 1 ? [0, 1] : [1, 0];
    let last: string[] = [];
    for (const round of [1, 2]) {
      const got = await deliver(rig(), from, [sent], [...others, count]);
      expect(hex(got[2 - from]), `round ${round}: the packet itself`).to.deep.equal(hex([sent]));
      expect(got[2], `round ${round}: copies`).to.have.length(count);
      last = hex(got[2]);
    }
    await expectAccepted(running.theSwitch);
    return last;
  }

  it('of everything, to a port', async () => {
    const running = open('select_all=true output_port=@p3');
    expect(await mirrored(running, 1, frame, 1)).to.deep.equal(hex([frame]));
    expect(await mirrored(running, 2, frame, 1)).to.deep.equal(hex([frame]));
    const { mirrorCounters } = running.theSwitch.tables(running.bridge);
    expect(mirrorCounters.get('m0')).to.deep.equal({ packets: 4, bytes: 4 * frame.length });
  });

  it('cut to a length, and only the copy', async () => {
    const running = open('select_all=true output_port=@p3 snaplen=64');
    expect(await mirrored(running, 1, frame, 1)).to.deep.equal(hex([frame.subarray(0, 64)]));
  });

  it('of what comes in by a port', async () => {
    const running = open('select_src_port=@p1 output_port=@p3');
    expect(await mirrored(running, 1, frame, 1)).to.deep.equal(hex([frame]));
    expect(await mirrored(running, 2, frame, 0)).to.deep.equal([]);
  });

  it('of what goes out by a port', async () => {
    const running = open('select_dst_port=@p1 output_port=@p3');
    expect(await mirrored(running, 1, frame, 0)).to.deep.equal([]);
    expect(await mirrored(running, 2, frame, 1)).to.deep.equal(hex([frame]));
  });

  it('of some VLANs', async () => {
    const running = open('select_all=true select_vlan=7 output_port=@p3');
    expect(await mirrored(running, 1, tagged(7), 1)).to.deep.equal(hex([tagged(7)]));
    expect(await mirrored(running, 1, tagged(8), 0)).to.deep.equal([]);
    expect(await mirrored(running, 1, frame, 0)).to.deep.equal([]);
  });

  it('into a VLAN, which the ports that carry it get', async () => {
    const running = open('select_src_port=@p1 output_vlan=99');
    // The trunk p2 gets the packet and, as all trunks but its own, the copy.
    running.theSwitch.vsctl(['set', 'Port', 'p2', 'tag=5']);
    const copy = Buffer.concat([frame.subarray(0, 12), Buffer.from('81000063', 'hex'), frame.subarray(12)]);
    expect(await mirrored(running, 1, frame, 1)).to.deep.equal(hex([copy]));
  });
});
