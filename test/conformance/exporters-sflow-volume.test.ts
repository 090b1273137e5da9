import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { SflowListener } from '../support/sflow.js';
import { openWith } from '../support/switch-frames.js';
import { describeSwitch } from '../support/switch-rig.js';
import { datapathType } from '../support/test-datapath.js';
import { flood } from '../support/traffic.js';

const PACKETS = 1_000_000;
const SAMPLING = 64;
/** Standard deviations of the number of samples that its difference from what is expected may be: less than one run in a million is beyond. */
const DEVIATIONS = 5;

// In the guest a million packets take minutes, and say nothing that the embedded datapath does not say.
if (datapathType === 'netdev') {
  describeSwitch('switch: sFlow of much', (rig) => {
    it(`one of ${SAMPLING} in ${PACKETS} packets estimates how many there were, without gaps`, async function () {
      this.timeout(180_000);
      const { theSwitch } = openWith(rig(), 'in_port=1 actions=output:2');
      const listener = await SflowListener.start();
      const words = `targets="${listener.target}" sampling=${SAMPLING} polling=1 header=64`.split(' ');
      theSwitch.vsctl([
        '--',
        '--id=@s',
        'create',
        'sFlow',
        ...words,
        '--',
        'set',
        'Bridge',
        'br0',
        'sflow=@s',
      ]);
      await listener.until('counters', 1);
      // How many came in is what the datapath counted: under load a port may lose some, so it is sent more.
      const came = () => {
        const { hit, missed } = theSwitch.datapath.stats();
        return hit + missed;
      };
      let seen = 0;
      while (seen < PACKETS) {
        const count = Math.max(1000, PACKETS - seen);
        await flood(rig().hosts[0].namespace, 'eth0', { count, rate: 100_000, single: true });
        await eventually('all that was sent is through', () => {
          const before = seen;
          seen = came();
          return seen > 0 && seen === before;
        });
      }
      const counted = theSwitch.stats().exporters.find(({ name }) => name === 'sflow_flow_samples')!.total;
      const samples = await listener.until('flow', counted);
      listener.close();
      const { upcall, exporters } = theSwitch.stats();
      expect(upcall.sflow).to.equal(samples.length);
      expect(Object.fromEntries(exporters.map(({ name, total }) => [name, total]))).to.include({
        ...{ sflow_dropped: 0, sflow_errors: 0, sflow_agentless: 0 },
      });
      expect(samples.map(({ sequence }) => sequence)).to.deep.equal(samples.map((_, i) => i + 1));
      expect(samples.map(({ fields }) => fields.pool)).to.deep.equal(
        samples.map((_, i) => SAMPLING * (i + 1)),
      );
      const { sequence } = listener.parsed.at(-1)!;
      expect(sequence, 'datagrams without a gap').to.equal(listener.datagrams.length);
      const estimate = samples.length * SAMPLING;
      const deviation = Math.sqrt(seen * SAMPLING * (1 - 1 / SAMPLING));
      expect(Math.abs(estimate - seen)).to.be.below(DEVIATIONS * deviation);
    });
  });
}
