import { expect } from 'chai';
import { formatActions, parseActions, splitActions } from '../../ts/flow/index.js';

function split(text: string, limit: number): string[] | null {
  const actions = parseActions(text);
  return splitActions(actions, actions.length, limit)?.map((part) => formatActions(part)) ?? null;
}

describe('actions that no message holds', () => {
  it('are one list while they fit', () => {
    expect(split('1,2,3', 24)).to.deep.equal(['1,2,3']);
    expect(split('', 24)).to.deep.equal(['drop']);
  });

  it('are lists that each begin with what changed the packet so far', () => {
    expect(split('1,set(skb_mark(0x1)),2,3,pop_vlan,4', 28)).to.deep.equal([
      '1,set(skb_mark(0x1)),2',
      'set(skb_mark(0x1)),3,pop_vlan',
      'set(skb_mark(0x1)),pop_vlan,4',
    ]);
  });

  it('keep a truncation with its output, and a hash with its recirculation', () => {
    expect(split('1,trunc(100),2,hash(l4(0)),recirc(0x1)', 28)).to.deep.equal([
      '1,trunc(100),2',
      'hash(l4(0)),recirc(0x1)',
    ]);
  });

  it('end with a change only where something follows it', () => {
    expect(split('1,2,set(skb_mark(0x1))', 16)).to.deep.equal(['1,2', 'set(skb_mark(0x1))']);
    expect(split('1,2,3', 8)).to.deep.equal(['1', '2', '3']);
  });

  it('cannot be taken apart when the changes alone are too much', () => {
    expect(split('set(skb_mark(0x1)),set(skb_priority(0x1)),1', 16)).to.equal(null);
  });
});
