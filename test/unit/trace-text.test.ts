import { expect } from 'chai';
import { buildCase, runTrace, traceText } from '../../ts/trace/index.js';
import { formatSent, parseFlow } from '../../ts/openflow/index.js';

const VSCTL = 'add-br br0 -- set bridge br0 fail-mode=secure -- add-port br0 p1 -- add-port br0 p2'.split(
  ' ',
);

describe('the text of a trace', () => {
  it('has an empty line more where a pass failed and another follows', () => {
    const flows = [
      'ip actions=ct(table=2),goto_table:1',
      'table=1 actions=resubmit:1',
      'table=2 actions=output:2',
    ];
    const built = buildCase({ topology: { vsctl: VSCTL }, flows, traces: [] });
    const text = traceText(runTrace(built, { bridge: 'br0', flow: 'in_port=1,ip' }));
    expect(text).to.contain('packet is dropped.\n\n\n=====');
    expect(text).to.match(/Datapath actions: 2$/);
  });

  it('does not say why labels are too many where there is no packet, only that it failed', () => {
    const flows = [`ip actions=${Array.from({ length: 4 }, () => 'encap(mpls)').join(',')}`];
    const built = buildCase({ topology: { vsctl: VSCTL }, flows, traces: [] });
    const text = traceText(runTrace(built, { bridge: 'br0', flow: 'in_port=1,ip' }));
    expect(text).to.contain('Translation failed (Too many MPLS labels), packet is dropped.');
    expect(text).not.to.contain('>>>>');
  });
});

describe('set_tunnel', () => {
  const sent = (action: string) => formatSent(parseFlow(`actions=${action}`).actions);
  it('is printed as it was said, with 64 where the key is long', () => {
    expect(sent('set_tunnel:0')).to.equal('set_tunnel:0');
    expect(sent('set_tunnel:5')).to.equal('set_tunnel:0x5');
    expect(sent('set_tunnel64:5')).to.equal('set_tunnel64:0x5');
    expect(sent('set_tunnel:0x123456789')).to.equal('set_tunnel64:0x123456789');
  });
});
