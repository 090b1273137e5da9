import { expect } from 'chai';
import { openDatapath } from '../../ts/datapath/index.js';
import type { PacketSample } from '../../ts/ovs/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { Lab, type Namespace } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { hasPsample } from '../support/test-datapath.js';
import { sendFrames } from '../support/traffic.js';

/** Any sender's samples are read; here tc's act_sample, as Linux 6.1 has the family psample and no action of the datapath for it. */
describe('the kernel’s psample', () => {
  const lab = new Lab();
  let inside: Namespace;
  let host: Namespace;

  before(function () {
    needsRoot(this);
    inside = lab.namespace('inside');
    host = lab.namespace('host');
    for (const each of [inside, host]) each.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    lab.veth(inside, 'p1', host, 'eth0');
    inside.up('p1');
    host.up('eth0');
  });
  after(() => lab.remove());

  it('is read: group, share, device, and as much of the packet as there is', async () => {
    const datapath = openDatapath({ type: 'system', netns: inside.path });
    try {
      expect(datapath.support.psample).to.equal(hasPsample);
      inside.run('tc', 'qdisc', 'add', 'dev', 'p1', 'clsact');
      const action = 'action sample rate 1 group 77 trunc 40';
      inside.run('tc', ...`filter add dev p1 ingress matchall ${action}`.split(' '));
      const samples: PacketSample[] = [];
      const reader = datapath.followSamples((sample) => samples.push(sample));
      const frame = udpFrame();
      sendFrames(host, 'eth0', [frame, frame]);
      await eventually('both are sampled', () => samples.length === 2);
      const { ifindex } = datapath.route.link('p1');
      for (const { packet, ...rest } of samples) {
        expect(rest).to.deep.equal({
          ...{ group: 77, probability: 1, ifindex, outIfindex: 0, cookie: null, size: frame.length },
        });
        expect(Buffer.from(packet).equals(frame.subarray(0, 40))).to.equal(true);
      }
      expect([reader.lost, reader.malformed]).to.deep.equal([0, 0]);
      reader.close();
      reader.close();
    } finally {
      datapath.close();
    }
  });
});
