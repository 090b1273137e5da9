import { expect } from 'chai';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { describeRecords } from '../support/ipfix-tunnels.js';
import { IpfixCollector } from '../support/ipfix-records.js';
import { Lab } from '../support/netns.js';
import { needsRoot } from '../support/skip.js';
import { sendFrames } from '../support/traffic.js';
import { joinUnderlay, openSite, type TunnelSite } from '../support/tunnel-rig.js';

/** What records say of the tunnels of the sites, by interface. */
const EXPECTED = [
  { name: 'geneve0', protocol: '11', port: '17c1', type: '07', key: '00004d' },
  { name: 'gre0', protocol: '2f', port: '0000', type: '02', key: '0000004e' },
  { name: 'vxlan0', protocol: '11', port: '12b5', type: '01', key: '00004f' },
];
const ADDRESSES = ['ac1f0001', 'ac1f0002'];

describe('IPFIX of packets that leave and come by tunnels', () => {
  const lab = new Lab();
  const sites: TunnelSite[] = [];
  const collectors: IpfixCollector[] = [];

  before(async function () {
    needsRoot(this);
    const [one, two] = ['one', 'two'].map((label) => lab.namespace(label));
    joinUnderlay(lab, one, two);
    sites.push(openSite(lab, one, 'one', ['10.0.0.1/24']), openSite(lab, two, 'two', ['10.0.0.2/24']));
    for (const [i, site] of sites.entries()) {
      collectors.push(await IpfixCollector.start());
      for (const { name, key } of EXPECTED)
        site.vsctl(
          `add-port br0 ${name} -- set Interface ${name} type=${name.slice(0, -1)} ` +
            `options:remote_ip=172.31.0.${2 - i} options:key=${Number.parseInt(key, 16)}`,
        );
    }
    const names = EXPECTED.map(({ name }) => name);
    sites[0].flows(`in_port=p1 actions=${names.map((name) => `output:${name}`).join()}`);
    sites[1].flows(names.map((name) => `in_port=${name} actions=output:p1`).join('\n'));
  });
  after(async () => {
    for (const { theSwitch } of sites) await theSwitch.close();
    for (const collector of collectors) collector.close();
    await lab.remove();
  });

  const send = () => sendFrames(sites[0].host, 'eth0', [ipfixFrames().udp]);
  const expected = (tunnel: object) => ({ source: ADDRESSES[0], destination: ADDRESSES[1], ...tunnel });

  it('tells the encapsulation of a bridge’s packets at both ends', async () => {
    for (const [i, site] of sites.entries())
      site.vsctl(
        `set Bridge br0 ipfix=@i -- --id=@i create IPFIX targets="${collectors[i].target}" sampling=1 obs_domain_id=17`,
      );
    send();
    await collectors[0].until(4);
    await collectors[1].until(6);
    expect(describeRecords(collectors[0].messages)).to.deep.equal([
      { direction: 0, name: 'p1' },
      ...EXPECTED.map((tunnel) => ({ direction: 1, ...expected(tunnel) })),
    ]);
    expect(describeRecords(collectors[1].messages)).to.deep.equal([
      ...EXPECTED.map((tunnel) => ({ direction: 0, ...expected(tunnel) })),
      ...EXPECTED.map(() => ({ direction: 1, name: 'p1' })),
    ]);
  });

  it('says nothing of it where tunnels are not sampled', async () => {
    const [{ theSwitch, vsctl }] = sites;
    const [{ uuid }] = theSwitch.configuration.rows('IPFIX');
    vsctl(`set IPFIX ${uuid} other_config:enable-tunnel-sampling=false`);
    await theSwitch.revalidate();
    const before = collectors[0].messages.length;
    send();
    await collectors[0].until(8);
    const templates = collectors[0].messages.slice(0, 20);
    const [, ...out] = describeRecords([...templates, ...collectors[0].messages.slice(before)]);
    expect(out).to.deep.equal(EXPECTED.map(({ name }) => ({ direction: 1, name })));
    vsctl('clear Bridge br0 ipfix');
  });

  it('tells the encapsulation of flow samples at a tunnel port', async () => {
    const [{ flows, vsctl }] = sites;
    const collector = await IpfixCollector.start();
    collectors.push(collector);
    vsctl(
      `--id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=3 bridge=@b ipfix=@i -- --id=@i create IPFIX targets="${collector.target}"`,
    );
    flows(
      'in_port=p1 actions=sample(probability=65535,collector_set_id=3,obs_domain_id=5,sampling_port=geneve0),output:geneve0',
    );
    await sites[0].theSwitch.revalidate();
    send();
    await collector.until(1);
    expect(describeRecords(collector.messages)).to.deep.equal([{ direction: 1, ...expected(EXPECTED[0]) }]);
  });
});
