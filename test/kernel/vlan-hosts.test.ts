import { expect } from 'chai';
import { describeSwitch } from '../support/switch-rig.js';
import { answers } from '../support/tunnel-rig.js';

describeSwitch('switch: hosts in VLANs', (rig) => {
  it('reach each other within a VLAN, also by a trunk, and not beyond', async () => {
    rig().open({ vlans: [{ tag: 10 }, { trunks: [10, 20] }, { tag: 20 }] });
    const [one, two, three] = rig().hosts;
    for (const vlan of [10, 20]) {
      two.namespace.ip(`link add link eth0 name eth0.${vlan} type vlan id ${vlan}`);
      two.namespace.up(`eth0.${vlan}`, { addresses: [`10.0.${vlan}.2/24`] });
    }
    one.namespace.ip('addr add 10.0.10.1/24 dev eth0');
    three.namespace.ip('addr add 10.0.20.3/24 dev eth0');
    three.namespace.ip('addr add 10.0.10.3/24 dev eth0');
    expect(await answers(one.namespace, '10.0.10.2')).to.equal(true);
    expect(await answers(three.namespace, '10.0.20.2')).to.equal(true);
    expect(await answers(one.namespace, '10.0.10.3', 1)).to.equal(false);
  });
});
