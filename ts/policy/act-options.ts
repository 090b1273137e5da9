import { SlowpathError } from '../errors/index.js';
import type { PortRef } from './in-port.js';

/** A tag that is put on. */
export interface PushVlanOptions {
  /** VLAN id; 0 by default, which is a priority tag. */
  readonly vid?: number;
  /** Priority; that of the tag beneath by default. */
  readonly pcp?: number;
  /** TPID: 0x8100 (the default) or 0x88a8. */
  readonly tpid?: number;
}

export function pushVlanText({ vid, pcp, tpid = 0x8100 }: PushVlanOptions): string {
  let text = `push_vlan:0x${tpid.toString(16)}`;
  if (vid !== undefined) {
    if (!Number.isInteger(vid) || vid < 0 || vid > 4095)
      throw new SlowpathError('ERR_POLICY_ACTION', `pushVlan: expected a VLAN id from 0 to 4095, not ${vid}`);
    text += `,set_field:${vid | 0x1000}->vlan_vid`;
  }
  return pcp === undefined ? text : `${text},set_field:${pcp}->vlan_pcp`;
}

/** A label that is put on. */
export interface PushMplsOptions {
  readonly label?: number;
  /** Traffic class, 0 to 7. */
  readonly tc?: number;
  readonly ttl?: number;
  /** 0x8847 (the default) or 0x8848. */
  readonly ethType?: number;
}

export function pushMplsText({ label, tc, ttl, ethType = 0x8847 }: PushMplsOptions): string {
  let text = `push_mpls:0x${ethType.toString(16)}`;
  if (label !== undefined) text += `,set_mpls_label(${label})`;
  if (tc !== undefined) text += `,set_mpls_tc(${tc})`;
  return ttl === undefined ? text : `${text},set_mpls_ttl(${ttl})`;
}

/** Address translation of a connection: of its source or its destination. */
export interface NatOptions {
  readonly type: 'src' | 'dst';
  /** Address, or a range such as `10.0.0.1-10.0.0.9`. */
  readonly address?: string;
  /** Port, or a range such as `1024-65535`. */
  readonly port?: number | string;
  /** Which port of a range: by hash or at random. */
  readonly select?: 'hash' | 'random';
  /** The same for a client after a restart. */
  readonly persistent?: boolean;
}

/** How a packet goes through the connection tracker (ovs-actions(7), ct). */
export interface CtOptions {
  /** Default 0. */
  readonly zone?: number;
  /** The connection is remembered. */
  readonly commit?: boolean;
  /** Replaces a connection that was begun from the other side. */
  readonly force?: boolean;
  /** Where the packet comes back: `true` for this policy, or a table. */
  readonly resume?: boolean | number;
  /** Address translation; `true`: what the connection has already. */
  readonly nat?: NatOptions | true;
  /** Mark and label that a committed connection gets. A text may have `/mask`. */
  readonly mark?: number | string;
  readonly label?: bigint | string;
  /** Helper for protocols that open other connections. */
  readonly alg?: 'ftp' | 'tftp';
}

/** `table`: where the policy is. */
export function ctText(options: CtOptions, table: number): string {
  const { zone, commit = false, force = false, resume = false, nat, mark, label, alg } = options;
  const parts: string[] = [];
  if (commit) parts.push('commit');
  if (force) parts.push('force');
  if (zone !== undefined) parts.push(`zone=${zone}`);
  if (resume !== false) parts.push(`table=${resume === true ? table : resume}`);
  if (nat !== undefined) parts.push(natText(nat));
  if (alg !== undefined) parts.push(`alg=${alg}`);
  const exec: string[] = [];
  if (mark !== undefined) exec.push(`set_field:${mark}->ct_mark`);
  if (label !== undefined) exec.push(`set_field:${label}->ct_label`);
  if (exec.length > 0) parts.push(`exec(${exec.join(',')})`);
  return parts.length === 0 ? 'ct()' : `ct(${parts.join(',')})`;
}

function natText(nat: NatOptions | true): string {
  if (nat === true) return 'nat';
  const { type, address, port, select, persistent = false } = nat;
  const isBracketed = port !== undefined && address?.includes(':') === true;
  const range = isBracketed ? address.replace(/[^-]+/g, '[$&]') : (address ?? '');
  const parts = [`${type}${range === '' ? '' : `=${range}${port === undefined ? '' : `:${port}`}`}`];
  if (range === '' && port !== undefined)
    throw new SlowpathError('ERR_POLICY_ACTION', 'ct: a port to translate to needs an address');
  if (persistent) parts.push('persistent');
  if (select !== undefined) parts.push(select);
  return `nat(${parts.join(',')})`;
}

/** A packet that goes to a controller. */
export interface ControllerOptions {
  /** Bytes of it; default 65535, all. */
  readonly maxLen?: number;
  /** Default 0. */
  readonly controllerId?: number;
  /** Handed back with the packet. */
  readonly userdata?: Uint8Array;
  /** OpenFlow meter that limits these. */
  readonly meter?: number;
}

export function controllerText({ maxLen = 65535, controllerId, userdata, meter }: ControllerOptions): string {
  const parts = [`max_len=${maxLen}`];
  if (controllerId !== undefined) parts.push(`id=${controllerId}`);
  if (userdata !== undefined)
    parts.push(`userdata=${Array.from(userdata, (byte) => byte.toString(16).padStart(2, '0')).join('.')}`);
  if (meter !== undefined) parts.push(`meter_id=${meter}`);
  return `controller(${parts.join(',')})`;
}

/** Flow-based sampling (ovs-actions(7), sample). */
export interface SampleOptions {
  /** Of 65535. */
  readonly probability: number;
  readonly collectorSet: number;
  readonly obsDomain?: number;
  readonly obsPoint?: number;
  /** The port whose egress is sampled. */
  readonly port?: PortRef;
  readonly direction?: 'ingress' | 'egress';
}

export function sampleText(options: SampleOptions, resolve: (port: PortRef) => number): string {
  const { probability, collectorSet, obsDomain = 0, obsPoint = 0, port, direction } = options;
  const parts = [
    `probability=${probability}`,
    `collector_set_id=${collectorSet}`,
    `obs_domain_id=${obsDomain}`,
    `obs_point_id=${obsPoint}`,
  ];
  if (port !== undefined) parts.push(`sampling_port=${resolve(port)}`);
  if (direction !== undefined) parts.push(direction);
  return `sample(${parts.join(',')})`;
}
