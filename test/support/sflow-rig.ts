import { expect } from 'chai';
import { type Bridge, BridgeModel } from '../../ts/bridge/index.js';
import { emptyConfiguration, vsctl } from '../../ts/config/index.js';
import type { Datapath } from '../../ts/datapath/index.js';
import type { ExporterContext } from '../../ts/exporters/index.js';
import { SflowDatagrams } from '../../ts/exporters/sflow/datagrams.js';
import { Egress } from '../../ts/exporters/sflow/egress.js';
import { type SampledPacket, writeFlowSample } from '../../ts/exporters/sflow/flow-sample.js';
import { sflowProtocol } from '../../ts/exporters/sflow/index.js';
import {
  FLOW_WORDS,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_UFID,
  UPCALL_USERDATA_LEN,
  UPCALL_USERDATA_OFF,
  UPCALL_WIRE_LEN,
} from '../../ts/fields/index.js';
import { COOKIE_BYTES, CookieWriter, parseActions } from '../../ts/flow/index.js';
import { UkeyTable } from '../../ts/ukey/index.js';
import { UPCALL_SFLOW } from '../../ts/upcall/index.js';
import type { Snapshot } from '../../ts/xlate/index.js';
import { udpFrame } from './frames.js';
import { SflowListener } from './sflow.js';

export const AGENT = Uint8Array.of(10, 0, 0, 1);
export const VXLAN =
  'set(tunnel(tun_id=0x7b,src=172.31.0.1,dst=172.31.0.2,tos=0x28,ttl=64,tp_src=5555,tp_dst=4789,flags(df|key)))';
export const OVER_IPV6 =
  'set(tunnel(tun_id=0x5,ipv6_src=fd00::1,ipv6_dst=fd00::2,ttl=64,tp_dst=6081,flags(key)))';

/** A sampled packet that nothing special is known of. */
export function packetOf(overrides: Partial<SampledPacket> = {}): SampledPacket {
  const bytes = udpFrame();
  return {
    ...{ source: 0x020003e8, sequence: 1, sampling: 64, pool: 64, drops: 0, input: 3, output: 4 },
    ...{ bytes, offset: 0, length: bytes.length, wireLength: bytes.length },
    ...{
      keys: new Int32Array(FLOW_WORDS),
      base: 0,
      egressTci: 0,
      tunnelProto: 0,
      egressProto: 0,
      egress: null,
      underlay: null,
    },
    ...overrides,
  };
}

/** What datapath actions, as text, tell. */
export function egressOf(actions: string, keys = new Int32Array(FLOW_WORDS)): Egress {
  const egress = new Egress();
  const bytes = parseActions(actions, { extended: true });
  egress.read(bytes, 0, bytes.length, keys, 0);
  return egress;
}

/** Samples as one datagram. */
export function datagramOf(...packets: readonly SampledPacket[]): Buffer {
  const sent: Buffer[] = [];
  const datagrams = new SflowDatagrams(0, 1000, (datagram) => sent.push(Buffer.from(datagram)));
  datagrams.setAgent(AGENT, 1000);
  for (const packet of packets) writeFlowSample(datagrams, packet, 1500);
  datagrams.flush(1500);
  expect(sent).to.have.length(1);
  return sent[0];
}

/** An exporter for samples that are made up, with a listener that hears it. `settings`: more columns of its record. */
export async function openExporter(datapath: Partial<Datapath> = {}, settings = '') {
  const listener = await SflowListener.start();
  const columns = `targets="${listener.target}" sampling=4 polling=0${settings && ' '}${settings}`;
  const words = `add-br br0 -- --id=@s create sFlow ${columns} -- set Bridge br0 sflow=@s`;
  let { configuration } = vsctl(emptyConfiguration(), words.split(' '));
  const model = new BridgeModel(() => -1);
  model.configure(configuration, () => ({ ofport: 7, odpPort: 3, ifindex: 33, running: true }));
  const bridge = model.bridges.get('br0') as Bridge;
  const ukeys = new UkeyTable();
  let now = 0;
  const context: ExporterContext = {
    datapath: datapath as Datapath,
    bridges: model.bridges,
    ukeys,
    snapshot: () => ({}) as Snapshot,
    now: () => now,
    warn(message) {
      throw new Error(message);
    },
  };
  const protocol = sflowProtocol(context);
  const exporter = protocol.create(bridge);
  const configure = () =>
    exporter.configure(protocol.settings(configuration, configuration.named('Bridge', 'br0')!)!);
  configure();
  const slab = new Uint8Array(4096);
  const row = new Int32Array(UPCALL_ROW_WORDS);
  const batch = { slab, rows: row, keys: new Int32Array(FLOW_WORDS), capacity: 1 };
  const frame = udpFrame();
  slab.set(frame, 1024);
  const cookie = new CookieWriter();
  cookie.putSflow(7, bridge.uuid, 5, 44);
  slab.set(cookie.bytes, 512);
  row[UPCALL_USERDATA_OFF] = 512;
  row[UPCALL_USERDATA_LEN] = COOKIE_BYTES;
  row[UPCALL_PACKET_OFF] = 1024;
  row[UPCALL_PACKET_LEN] = frame.length;
  row[UPCALL_WIRE_LEN] = frame.length;
  row[UPCALL_UFID] = 99;
  return {
    listener,
    exporter,
    batch,
    ukeys,
    protocol,
    /** Changes the configuration by ovs-vsctl words. */
    vsctl(line: string) {
      ({ configuration } = vsctl(configuration, line.split(' ')));
      configure();
    },
    seconds(count: number) {
      now += 1000 * count;
      exporter.tick(now);
    },
    take: () => exporter.sample!(UPCALL_SFLOW, batch, 0),
  };
}
