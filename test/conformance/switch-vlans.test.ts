import { expect } from 'chai';
import { ethernet, udpPacket } from '../support/frames.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';
import { failures } from '../support/switch-trials.js';
import { Capture, sendFrames } from '../support/traffic.js';

type Tags = [tpid: number, tci: number][];

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const C_TAG = 0x8100;
const S_TAG = 0x88a8;
const DATA = Buffer.alloc(48, 0x5a);

/** A frame from the host with this number, to all unless `to` names another. */
function frame(tags: Tags, from: number, to?: number): Buffer {
  const address = (host: number) => `02:00:00:00:00:5${host}`;
  const dst = to === undefined ? BROADCAST : address(to);
  return ethernet({ src: address(from), dst, type: 0x0800, tags, payload: udpPacket(1000, 2000, DATA) });
}

describeSwitch('switch: VLAN modes', (rig) => {
  /** Opens a switch with these words for the ports, one a port, and tags within tags looked at. */
  function open(...ports: string[]): RunningSwitch {
    const running = rig().open({ vlans: [] });
    const words = ports.flatMap((port, i) => [
      ...(i === 0 ? [] : ['--']),
      'add-port',
      'br0',
      `p${i + 1}`,
      ...port.split(' '),
    ]);
    running.theSwitch.vsctl(['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=2']);
    expect(running.theSwitch.vsctl(words.filter((word) => word !== '')).errors).to.deep.equal([]);
    return running;
  }

  /** What the other hosts get of a frame that host `from` sends, by host number. */
  async function carry(
    running: RunningSwitch,
    from: number,
    sent: Buffer,
    wanted: Record<number, Buffer>,
  ): Promise<void> {
    const listeners = [1, 2, 3].filter((number) => number !== from);
    const hosts = rig().hosts;
    const captures = await Promise.all(
      listeners.map((n) => Capture.start(hosts[n - 1].namespace, 'eth0', 2)),
    );
    sendFrames(hosts[from - 1].namespace, 'eth0', [sent]);
    for (const [i, number] of listeners.entries()) {
      const heard = await captures[i].settled(wanted[number] === undefined ? 0 : 1);
      const hex = heard.map((one) => one.toString('hex'));
      expect(hex, `host ${number}`).to.deep.equal(
        wanted[number] === undefined ? [] : [wanted[number].toString('hex')],
      );
    }
    expect(failures(running.theSwitch.stats().upcall)).to.deep.equal([]);
  }

  it('native-tagged: takes its own VLAN untagged and tagged, gives it tagged', async () => {
    const running = open('tag=10', 'tag=10 vlan_mode=native-tagged trunks=10,20', 'tag=20');
    await carry(running, 1, frame([], 1), { 2: frame([[C_TAG, 10]], 1) });
    await carry(running, 2, frame([], 2), { 1: frame([], 2) });
    await carry(running, 2, frame([[C_TAG, 10]], 2), { 1: frame([], 2) });
    await carry(running, 2, frame([[C_TAG, 20]], 2), { 3: frame([], 2) });
    await carry(running, 2, frame([[C_TAG, 30]], 2), {});
  });

  it('access: what comes in tagged is dropped', async () => {
    const running = open('tag=10', 'tag=10', 'trunks=10,20');
    await carry(running, 1, frame([[C_TAG, 10]], 1), {});
    await carry(running, 1, frame([[C_TAG, 20]], 1), {});
    await carry(running, 1, frame([], 1), { 2: frame([], 1), 3: frame([[C_TAG, 10]], 1) });
  });

  it('priority tags: a priority leaves an access port in a tag of VLAN 0', async () => {
    const running = open('tag=10 other_config:priority-tags=if-nonzero', 'tag=10', 'trunks=10');
    await carry(running, 2, frame([], 2), { 1: frame([], 2), 3: frame([[C_TAG, 10]], 2) });
    await carry(running, 3, frame([[C_TAG, 0xa00a]], 3), { 1: frame([[C_TAG, 0xa000]], 3), 2: frame([], 3) });
  });

  it('dot1q-tunnel: the tags of customers pass within the tag of their port', async () => {
    const running = open(
      'tag=100 vlan_mode=dot1q-tunnel',
      'trunks=100,200',
      'tag=200 vlan_mode=dot1q-tunnel',
    );
    await carry(running, 1, frame([[C_TAG, 5]], 1), {
      2: frame(
        [
          [S_TAG, 100],
          [C_TAG, 5],
        ],
        1,
      ),
    });
    const doubled: Tags = [
      [S_TAG, 100],
      [C_TAG, 0x6005],
    ];
    await carry(running, 2, frame(doubled, 2, 1), { 1: frame([[C_TAG, 0x6005]], 2, 1) });
    await carry(running, 1, frame([], 1), { 2: frame([[S_TAG, 100]], 1) });
    await carry(running, 3, frame([[C_TAG, 5]], 3), {
      2: frame(
        [
          [S_TAG, 200],
          [C_TAG, 5],
        ],
        3,
      ),
    });
  });

  it('vlan-limit: by default, a second tag is payload, whatever is behind it', async () => {
    const running = rig().open();
    running.theSwitch.addFlows(
      running.bridge,
      'priority=9,ip actions=drop\npriority=5,dl_vlan=7,dl_type=0x8100 actions=strip_vlan,output:2\npriority=0 actions=output:3',
    );
    const twice: Tags = [
      [S_TAG, 7],
      [C_TAG, 8],
    ];
    await carry(running, 1, frame(twice, 1), { 2: frame([[C_TAG, 8]], 1) });
    await carry(running, 1, frame([[C_TAG, 7]], 1), {});
    running.theSwitch.vsctl(['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=2']);
    await revalidated(running.theSwitch);
    await carry(running, 1, frame(twice, 1), {});
    running.theSwitch.vsctl(['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=1']);
    await revalidated(running.theSwitch);
    await carry(running, 1, frame(twice, 1), { 2: frame([[C_TAG, 8]], 1) });
  });

  it('dot1q-tunnel with customer VLANs and another Ethernet type', async () => {
    const running = open(
      'tag=100 vlan_mode=dot1q-tunnel cvlans=5,6 other_config:qinq-ethtype=802.1q',
      'trunks=100',
      'tag=100 vlan_mode=dot1q-tunnel cvlans=6 other_config:qinq-ethtype=802.1q',
    );
    const five = frame(
      [
        [C_TAG, 100],
        [C_TAG, 5],
      ],
      1,
    );
    await carry(running, 1, frame([[C_TAG, 7]], 1), {});
    const { theSwitch } = running;
    expect(theSwitch.vsctl(['set', 'Port', 'p2', 'other_config:qinq-ethtype=802.1q']).errors).to.deep.equal(
      [],
    );
    await revalidated(theSwitch);
    await carry(running, 1, frame([[C_TAG, 5]], 1), { 2: five });
  });

  it('a VLAN that a flow gives is the VLAN that NORMAL forwards in', async () => {
    const running = open('', 'trunks=10,20', 'tag=20');
    running.theSwitch.addFlows(
      running.bridge,
      'in_port=1,priority=10 actions=mod_vlan_vid:20,mod_vlan_pcp:4,NORMAL',
    );
    await carry(running, 1, frame([], 1), { 2: frame([[C_TAG, 0x8014]], 1), 3: frame([], 1) });
  });
});
