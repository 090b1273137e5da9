import { expect } from 'chai';
import { NETFLOW_DROP, NETFLOW_FLOOD, NETFLOW_MULTI, Translator } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch } from '../support/xlate.js';

const PACKET =
  'udp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2';

/** Actions, and the output that OVS's rules for nf_output_iface make of them. */
const CASES: readonly (readonly [actions: string, output: number])[] = [
  ['drop', NETFLOW_DROP],
  ['output:2', 2],
  ['output:1', NETFLOW_DROP],
  ['output:2,output:1', 2],
  ['output:2,output:3', NETFLOW_MULTI],
  ['output:2,FLOOD', NETFLOW_FLOOD],
  ['FLOOD,output:2', NETFLOW_FLOOD],
  ['ALL', NETFLOW_FLOOD],
  ['NORMAL', NETFLOW_FLOOD],
  ['output:2,output:3,output:2', NETFLOW_MULTI],
  ['controller', NETFLOW_DROP],
  ['enqueue:2:1', 2],
  ['output:3,enqueue:2:1', NETFLOW_MULTI],
  ['enqueue:2:1,output:3', NETFLOW_MULTI],
  ['output:2,resubmit(,1)', NETFLOW_MULTI],
  ['resubmit(,1)', 3],
];

describe('xlate: the output that NetFlow is told of', () => {
  for (const [actions, output] of CASES) {
    it(`${actions}: ${output}`, () => {
      const { snapshot } = makeSwitch({
        ports: [1, 2, 3].map((ofport) => ({ ofport })),
        flows: [`in_port=1 actions=${actions}`, 'table=1 actions=output:3'],
      });
      expect(new Translator().translate(snapshot, makeKey(PACKET), 0).netflowOutput).to.equal(output);
    });
  }
});
