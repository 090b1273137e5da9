import { type Datapath, openDatapath } from '../../ts/datapath/index.js';
import { datapathType } from './test-datapath.js';
import type { Namespace } from './netns.js';

/**
 * A datapath that outlives the switches on it, as the kernel's outlives processes: each of them finds what the one before left. `end` takes it
 * down.
 */
export function leftBehind(namespace: Namespace): { readonly datapath: Datapath; end(): void } {
  const real = openDatapath({ type: datapathType, netns: namespace.path });
  let owners = 0;
  const datapath = new Proxy(real, {
    get(target, name) {
      if (name === 'adopted') return owners > 0;
      if (name === 'close') return () => owners++;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { datapath, end: () => real.close() };
}
