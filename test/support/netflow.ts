import { NetflowExporter } from '../../ts/exporters/netflow/exporter.js';
import type { NetflowSettings } from '../../ts/exporters/netflow/settings.js';
import type { NetflowEffect, XBridge } from '../../ts/xlate/index.js';
import { allFields, complaintsOf, dissect, type Dissected } from './tshark.js';

export const NETFLOW_PORT = 2055;

/** A flow of NetFlow; what is left out is of an UDP packet from 10.0.0.1 to 10.0.0.2. */
export function netflowFlow(fields: Partial<NetflowEffect> = {}): NetflowEffect {
  return {
    ...{ type: 'netflow', bridge: {} as XBridge, inPort: 1, output: 2, ipVersion: 4 },
    src: Int32Array.of(0x0a000001, 0, 0, 0),
    dst: Int32Array.of(0x0a000002, 0, 0, 0),
    ...{ tpSrc: 1000, tpDst: 53, nwProto: 17, nwTos: 0, vlanIn: 0, vlanOut: 0 },
    ...fields,
  };
}

/** An exporter whose clock stands still until it is told, and whose messages are kept. */
export class NetflowRig {
  /** Monotonic milliseconds; wall clock is 1.7e12 ms later. */
  now = 1_000_000;
  readonly messages: Buffer[] = [];
  readonly warnings: string[] = [];
  readonly counters = { records: 0, evicted: 0, impossible: 0 };
  readonly exporter = new NetflowExporter({
    context: { now: () => this.now, warn: (text) => this.warnings.push(text) },
    collectors: {
      configure() {},
      tick() {},
      close() {},
      send: (message) => this.messages.push(Buffer.from(message)),
    },
    counters: this.counters,
    wallClock: () => 1.7e12 + this.now,
    onClose() {},
  });

  constructor(settings: Partial<NetflowSettings> = {}) {
    this.configure(settings);
  }

  configure(settings: Partial<NetflowSettings>): void {
    this.exporter.configure({
      ...{
        targets: [],
        version: 5,
        engineType: 3,
        engineId: 7,
        addIdToInterface: false,
        activeTimeout: 600_000,
      },
      ...settings,
    });
  }

  /** Packets of a flow come now. */
  counted(flow: NetflowEffect, packets = 1, bytes = 60 * packets, tcpFlags = 0): void {
    this.exporter.counted(flow, packets, bytes, tcpFlags, this.now);
  }

  /** Lets time pass, with the ticks of a switch. */
  pass(milliseconds: number): void {
    for (const end = this.now + milliseconds; this.now < end; ) {
      this.now = Math.min(this.now + 100, end);
      this.exporter.tick(this.now);
    }
  }

  /** The records that were sent, as tshark reads them. */
  async records(): Promise<Record<string, string>[]> {
    return netflowRecords(await dissect(this.messages, 'cflow', NETFLOW_PORT));
  }
}

/** Fields of the records in messages, without prefix `cflow.`. Throws when tshark complains of one. */
export function netflowRecords(messages: readonly Dissected[]): Record<string, string>[] {
  const complaints = complaintsOf(messages);
  if (complaints.length > 0) throw new Error(`tshark complains: ${complaints.join('; ')}`);
  return messages.flatMap((message) =>
    [...allFields(message)].filter(isRecord).map((record) => {
      const fields = [...allFields(record)].filter(({ name }) => name.startsWith('cflow.'));
      return Object.fromEntries(fields.map(({ name, show }) => [name.slice('cflow.'.length), show]));
    }),
  );
}

/** `pdu 1/3` in version 5, `Flow 1` in version 9. */
function isRecord({ text }: Dissected): boolean {
  return /^(?:pdu \d+\/\d+|Flow \d+)$/.test(text);
}
