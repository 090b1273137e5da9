import { SAMPLE_DEFAULT } from './cookie.js';

const u16 = (bytes: Uint8Array, at: number) => bytes[at] | (bytes[at + 1] << 8);
const u32 = (bytes: Uint8Array, at: number) => u16(bytes, at) | (u16(bytes, at + 2) << 16);

/** The cookie of an IPFIX or flow sample (see cookie.ts), read into one object that is used again and again. */
export class SampleCookie {
  /** OpenFlow in_port, 0xffff for none. */
  inPort = 0;
  /** Datapath port that the packet leaves by, -1 for none. */
  outputPort = -1;
  /** Of a flow sample: packets of 65536 that are sampled. */
  probability = 0;
  collectorSetId = 0;
  obsDomainId = 0;
  obsPointId = 0;
  /** SAMPLE_DEFAULT, SAMPLE_INGRESS or SAMPLE_EGRESS. */
  direction = SAMPLE_DEFAULT;

  /** Reads a cookie of type COOKIE_IPFIX, all COOKIE_BYTES of which are there. */
  readIpfix(bytes: Uint8Array, offset: number): void {
    this.inPort = u16(bytes, offset + 4);
    this.outputPort = u32(bytes, offset + 24);
    this.direction = SAMPLE_DEFAULT;
  }

  /** Reads a cookie of type COOKIE_FLOW_SAMPLE, all COOKIE_BYTES of which are there. */
  readFlowSample(bytes: Uint8Array, offset: number): void {
    this.inPort = u16(bytes, offset + 4);
    this.probability = u16(bytes, offset + 24);
    this.collectorSetId = u32(bytes, offset + 28) >>> 0;
    this.obsDomainId = u32(bytes, offset + 32) >>> 0;
    this.obsPointId = u32(bytes, offset + 36) >>> 0;
    this.outputPort = u32(bytes, offset + 40);
    this.direction = u32(bytes, offset + 44);
  }
}
