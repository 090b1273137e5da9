import { expect } from 'chai';
import { udpFrame } from '../support/frames.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { counted, openWith } from '../support/switch-frames.js';
import { describeSwitch } from '../support/switch-rig.js';

describeSwitch(
  'queues of kernel devices',
  (rig) => {
    before(() => {
      const tc = (line: string) => rig().inside.run('tc', ...line.split(' '));
      tc('qdisc add dev p2 root handle 1: htb default 1');
      for (const number of [1, 3, 4]) tc(`class add dev p2 parent 1: classid 1:${number} htb rate 100mbit`);
    });

    /** Packets that each class has sent. */
    function sent(): Record<string, number> {
      const text = rig().inside.run('tc', '-s', 'class', 'show', 'dev', 'p2');
      const classes = [...text.matchAll(/class htb (1:\d+)[\s\S]*?Sent \d+ bytes (\d+) pkt/g)];
      return Object.fromEntries(classes.map(([, name, packets]) => [name, Number(packets)]));
    }

    it('set_queue, enqueue and pop_queue choose the class', async () => {
      // Queue n is class 1:(n + 1); what is in no queue goes to the default.
      const { theSwitch } = openWith(
        rig(),
        `udp,tp_src=1000 actions=set_queue:2,output:2
         udp,tp_src=1001 actions=enqueue:2:3
         udp,tp_src=1002 actions=set_queue:3,set_queue:2,output:2,pop_queue,output:2`,
      );
      for (const round of [1, 2]) {
        const before = sent();
        const frames = [1000, 1000, 1000, 1001, 1001, 1002].map((port) => udpFrame(port));
        expect(await counted(rig(), 1, frames, [0, 7]), `round ${round}`).to.deep.equal([0, 7]);
        const after = sent();
        const delta = Object.fromEntries(Object.entries(after).map(([name, n]) => [name, n - before[name]]));
        expect(delta, `round ${round}`).to.deep.equal({ '1:1': 1, '1:3': 4, '1:4': 2 });
      }
      expect(await flowsLike(theSwitch, /actions:set\(skb_priority\(0x10003\)\),\d+$/)).to.have.length(1);
      await expectAccepted(theSwitch);
    });
  },
  { hosts: 2 },
);
