import {
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_SRC,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { layer3, layer4, type Observation } from '../../ts/exporters/ipfix/flow-key.js';
import { IpfixProcess } from '../../ts/exporters/ipfix/process.js';
import type { openTransport } from '../../ts/exporters/ipfix/session.js';
import type { ProcessSettings } from '../../ts/exporters/ipfix/settings.js';
import { Tunnel } from '../../ts/exporters/ipfix/tunnel.js';
import { KEY_FORM, native } from '../../ts/native/index.js';
import { OUTER } from './ipfix-frames.js';

/** An interface of which only the name is known, as on OVS's dummy datapath. */
const named = (name: string) => ({ ifindex: 0, name: Buffer.from(name) });

/** Where a frame was sampled; what is left out is nothing. */
export interface RigSample {
  readonly domain: number;
  readonly point: number;
  readonly direction?: number;
  readonly input: string;
  readonly output?: string;
  readonly dropped?: boolean;
  readonly packets?: number;
  /** It came in by a tunnel. */
  readonly tunnelled?: boolean;
}

/** An IPFIX process whose clock stands still until it is told, and whose messages are kept. */
export class IpfixRig {
  /** Monotonic milliseconds. */
  now = 1_000_000;
  /** Sessions that the transport began; another one is begun by adding one. */
  sessions = 1;
  /** Messages are refused. */
  full = false;
  reliable = false;
  /** Targets that are refused. */
  refuse: RegExp | null = null;
  readonly messages: Buffer[] = [];
  readonly warnings: string[] = [];
  readonly totals = { sent: 0, dropped: 0, errors: 0 };
  closed = false;
  readonly process: IpfixProcess;

  /** `connect`: opens real collectors; without, messages are kept. */
  constructor(settings: Partial<ProcessSettings> = {}, id = 1, connect?: typeof openTransport) {
    this.process = new IpfixProcess({
      id,
      now: () => this.now,
      wallClock: () => 1.7e12 + this.now,
      warn: (text) => this.warnings.push(text),
      totals: this.totals,
      connect: (target, counters) => {
        if (this.refuse?.test(target)) throw new Error(`${target} is refused`);
        return connect?.(target, counters) ?? this.#transport(counters);
      },
    });
    this.configure(settings);
  }

  #transport(counters: { sent: number; dropped: number; errors: number }) {
    const rig = this;
    return {
      reliable: this.reliable,
      collector: {
        counters,
        get sessions() {
          return rig.sessions;
        },
        send(message: Uint8Array) {
          if (rig.full) {
            counters.dropped++;
            return;
          }
          counters.sent++;
          rig.messages.push(Buffer.from(message));
        },
        tick() {},
        close() {
          rig.closed = true;
        },
      },
    };
  }

  configure(settings: Partial<ProcessSettings>): void {
    this.process.configure({
      targets: ['one'],
      timeout: 0,
      limit: 0,
      virtualId: '',
      tunnels: true,
      ...settings,
    });
  }

  /** Has a frame sampled. */
  sample(frame: Uint8Array, sample: RigSample): void {
    this.#sample(frame, sample, new Int32Array(FLOW_WORDS), null);
  }

  /** Has a frame sampled that came in a frame of ipfixFrames. */
  sampleInner(frame: Uint8Array, sample: RigSample, outer: string): void {
    const keys = new Int32Array(FLOW_WORDS);
    keys[F_TUN_SRC] = OUTER.source;
    keys[F_TUN_DST] = OUTER.destination;
    keys[F_TUN_ID + 1] = OUTER.keys[outer];
    keys[F_TUN_TP_SRC] = OUTER.ports[outer] === 0 ? 0 : OUTER.sourcePort;
    keys[F_TUN_TP_DST] = OUTER.ports[outer];
    const tunnel = new Tunnel();
    tunnel.fromFlow(outer.replace('in ', ''), keys, 0);
    this.#sample(frame, sample, keys, sample.tunnelled ? tunnel : null);
  }

  #sample(frame: Uint8Array, sample: RigSample, keys: Int32Array, tunnel: Tunnel | null): void {
    native().extractPacket(frame, keys, 0, KEY_FORM.full);
    const seen: Observation = {
      domain: sample.domain,
      point: sample.point,
      direction: sample.direction ?? 0,
      input: named(sample.input),
      output: named(sample.output ?? ''),
      tunnel,
      virtual: this.process.virtual,
    };
    const l3 = layer3(keys, 0);
    this.process.sample(seen, {
      ...{ keys, base: 0, l3, l4: layer4(keys, 0, l3), direction: seen.direction },
      ...{ bytes: frame.length, packets: sample.packets ?? 1, dropped: sample.dropped ?? false },
    });
  }
}
