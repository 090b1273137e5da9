import { Lab, type Namespace } from './netns.js';
import { needsRoot } from './skip.js';
import { datapathType, TestDatapath, type UpcallQueue } from './test-datapath.js';

/** A datapath with three ports, each a veth whose other end is a host's. */
export interface Rig {
  readonly datapath: TestDatapath;
  /** Receives the upcalls of all three ports. */
  readonly upcalls: UpcallQueue;
  /** Where the ports p1 p2 p3 are. */
  readonly inside: Namespace;
  /** Where the hosts' ends h1 h2 h3 are. */
  readonly outside: Namespace;
  /** Port numbers of p1 p2 p3. */
  readonly ports: readonly number[];
}

/**
 * A suite that runs on the embedded and on the kernel's datapath, whichever SLOWPATH_TEST_DATAPATH names, with one rig for all
 * its tests. Flows are deleted and upcalls forgotten after each test.
 */
export function describeOnBoth(
  title: string,
  suite: (rig: () => Rig) => void,
  options: { readonly upcallQueueLength?: number } = {},
): void {
  describe(`${title} [${datapathType}]`, () => {
    const lab = new Lab();
    let rig: Rig | undefined;
    before(function () {
      needsRoot(this);
      const inside = lab.namespace('dp');
      const outside = lab.namespace('hosts');
      for (const i of [1, 2, 3]) {
        lab.veth(inside, `p${i}`, outside, `h${i}`);
        inside.up(`p${i}`);
        outside.up(`h${i}`);
      }
      const datapath = new TestDatapath(inside, options);
      // Known before anything can fail, so that `after` closes it.
      rig = { datapath, inside, outside, ports: [], upcalls: datapath.openUpcalls() };
      datapath.create();
      const { upcalls } = rig;
      const ports = ['p1', 'p2', 'p3'].map((device) => datapath.addPort(device, upcalls.pid));
      rig = { ...rig, ports };
    });
    afterEach(() => {
      rig?.datapath.deleteFlow();
      rig?.upcalls.clear();
    });
    after(async () => {
      rig?.datapath.close();
      await lab.remove();
    });
    suite(() => {
      if (!rig) throw new Error('the rig is there while tests run');
      return rig;
    });
  });
}
