import { expect } from 'chai';
import { F_NW_DST } from '../../ts/fields/index.js';
import { type Translation, Translator } from '../../ts/xlate/index.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { describeSwitch, type OpenOptions, revalidated } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' } };

/** Forgets that it looked at the destination. */
class Unsound extends Translator {
  override translate(...args: Parameters<Translator['translate']>): Translation {
    const translation = super.translate(...args);
    translation.mask[F_NW_DST] = 0;
    return translation;
  }
}

describeSwitch('switch: options of the flow cache', (rig) => {
  const send = (...frames: Buffer[]) => sendFrames(rig().hosts[0].namespace, 'eth0', frames);

  it('are those of Open_vSwitch other_config, and take effect while it runs', async () => {
    const { theSwitch, bridge, warnings } = rig().open({
      ...SECURE,
      flowLimit: 5000,
      policy: { maxIdle: 60_000 },
    });
    const set = (...settings: string[]) =>
      theSwitch.vsctl(['set', 'Open_vSwitch', '.', ...settings.map((one) => `other_config:${one}`)]);
    theSwitch.addFlows(bridge, 'udp,tp_dst=2000 actions=output:2\nudp,tp_dst=2001 actions=output:2');
    send(udpFrame(1000, 2000));
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === 1);
    expect(theSwitch.stats().flowLimit).to.equal(5000);
    set('flow-limit=1');
    expect(theSwitch.stats().flowLimit).to.equal(1);
    send(udpFrame(1000, 2001));
    await eventually('there is no room', () => theSwitch.stats().upcall.flow_limit === 1);
    set('flow-limit=7000', 'max-revalidator=100', 'max-idle=500', 'min-revalidate-pps=9');
    await eventually('the flow goes', () => theSwitch.stats().revalidate.deleted.idle === 1);
    expect(theSwitch.stats().datapath.flows).to.equal(0);
    set('max-idle=60000', 'max-revalidator=600000');
    const { rounds } = theSwitch.stats().revalidate;
    await revalidated(theSwitch);
    expect(theSwitch.stats().revalidate.rounds).to.be.greaterThan(rounds);
    expect(warnings).to.deep.equal([]);
  });

  it('an unsound megaflow is found, told, and gives way to a narrower one', async () => {
    const options = { checkSoundness: 1, makeTranslator: () => new Unsound() };
    const { theSwitch, bridge, warnings } = rig().open({ ...SECURE, ...options });
    theSwitch.addFlows(bridge, 'udp,nw_dst=10.0.0.2 actions=output:2\npriority=1,udp actions=output:3');
    send(udpFrame());
    await eventually('it was found', () => theSwitch.stats().revalidate.unsound === 1);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(
      /^unsound megaflow .*, which does not look at nw_dst: .* meets \d+, .* \d+$/,
    );
    await eventually('a narrower flow is there', () => theSwitch.stats().datapath.flows === 1);
    expect(theSwitch.stats().revalidate.deleted).to.deep.equal({ unsound: 1 });
    const heard = await Capture.start(rig().hosts[2].namespace, 'eth0', 1);
    send(udpFrame(1000, 2000, { dst: '10.0.0.9' }));
    expect(await heard.frames()).to.have.length(1);
    await revalidated(theSwitch);
    expect(theSwitch.stats().ukeys).to.deep.equal({ operational: 2 });
  });

  it('flows are checked, or not, as other_config:check-soundness says now', async () => {
    const { theSwitch, bridge } = rig().open({ ...SECURE, checkSoundness: 1 });
    theSwitch.addFlows(
      bridge,
      'udp actions=output:2\ntcp actions=drop\npriority=40000,udp,tp_dst=2000/0xfff0 actions=output:3',
    );
    const set = (every: number) =>
      theSwitch.vsctl(['set', 'Open_vSwitch', '.', `other_config:check-soundness=${every}`]);
    const flowsOf = (count: number) =>
      eventually('the flows are there', () => theSwitch.stats().datapath.flows === count);
    set(0);
    send(udpFrame(1000, 3000));
    await flowsOf(1);
    set(1);
    send(udpFrame(1000, 2000));
    await flowsOf(2);
    await eventually('one was checked', () => theSwitch.stats().revalidate.checked === 1);
    theSwitch.vsctl(['remove', 'Open_vSwitch', '.', 'other_config', 'check-soundness']);
    await theSwitch.cache.purge();
    send(udpFrame(1000, 2000));
    await eventually(
      'the one that it was opened with holds again',
      () => theSwitch.stats().revalidate.checked === 2,
    );
  });

  it('flows of a sound translation are found sound', async () => {
    const { theSwitch, bridge, warnings } = rig().open({ ...SECURE, checkSoundness: 1 });
    theSwitch.addFlows(
      bridge,
      'udp,tp_dst=0x7d0/0xfff0 actions=output:2\ntcp,nw_src=10.0.0.0/9 actions=drop',
    );
    send(...Array.from({ length: 8 }, (_, i) => udpFrame(i, 2000 + 16 * i)));
    await eventually('they were checked', () => {
      const { upcall, revalidate } = theSwitch.stats();
      return upcall.installs > 1 && revalidate.checked === upcall.installs;
    });
    expect(theSwitch.stats().revalidate.unsound).to.equal(0);
    expect(warnings).to.deep.equal([]);
  });
});
