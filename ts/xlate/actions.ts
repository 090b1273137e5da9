import type { Action } from '../openflow/index.js';
import { actOutput, actOutputReg } from './actions-output.js';
import {
  actDebugSlow,
  actExit,
  actGotoTable,
  actNote,
  actResubmit,
  actUnroll,
  actWriteMetadata,
} from './actions-control.js';
import { actDecTtl, actMove, actMultipath, actPop, actPush, actSetField } from './actions-field.js';
import { actPopVlan, actPushVlan, actSetVlanPcp, actSetVlanVid } from './actions-vlan.js';
import { actClearActions, actWriteActions } from './action-set.js';
import { actBundle } from './bundle.js';
import { actCheckPktLarger } from './check-pkt-larger.js';
import { actClone } from './clone.js';
import { actController } from './controller.js';
import { actCt, actCtClear } from './ct.js';
import { actDecap, actDecNshTtl, actEncap } from './encap.js';
import { actFinTimeout } from './fin-timeout.js';
import { actDebugRecirc } from './freeze.js';
import { actGroup } from './group.js';
import type { Handler, Outcome } from './handler.js';
import { actConjunction, actLearn } from './learn.js';
import {
  actDecMplsTtl,
  actPopMpls,
  actPushMpls,
  actSetMplsLabel,
  actSetMplsTc,
  actSetMplsTtl,
} from './mpls.js';
import type { Pass } from './pass.js';
import { actEnqueue, actMeter, actPopQueue, actSetQueue } from './queue.js';
import { actSample } from './sample.js';
import { actDeleteField, actSetTunnel } from './tunnel.js';

/** What does each kind of action. */
const HANDLERS: { readonly [T in Action['type']]: Handler<T> } = {
  output: actOutput,
  output_reg: actOutputReg,
  controller: actController,
  enqueue: actEnqueue,
  resubmit: actResubmit,
  goto_table: actGotoTable,
  set_field: actSetField,
  move: actMove,
  push: actPush,
  pop: actPop,
  push_vlan: actPushVlan,
  pop_vlan: actPopVlan,
  set_vlan_vid: actSetVlanVid,
  set_vlan_pcp: actSetVlanPcp,
  dec_ttl: actDecTtl,
  dec_nsh_ttl: actDecNshTtl,
  push_mpls: actPushMpls,
  pop_mpls: actPopMpls,
  set_mpls_label: actSetMplsLabel,
  set_mpls_tc: actSetMplsTc,
  set_mpls_ttl: actSetMplsTtl,
  dec_mpls_ttl: actDecMplsTtl,
  set_tunnel: actSetTunnel,
  set_queue: actSetQueue,
  pop_queue: actPopQueue,
  group: actGroup,
  meter: actMeter,
  write_actions: actWriteActions,
  clear_actions: actClearActions,
  write_metadata: actWriteMetadata,
  multipath: actMultipath,
  bundle: actBundle,
  learn: actLearn,
  fin_timeout: actFinTimeout,
  note: actNote,
  sample: actSample,
  clone: actClone,
  exit: actExit,
  conjunction: actConjunction,
  ct: actCt,
  ct_clear: actCtClear,
  check_pkt_larger: actCheckPktLarger,
  encap: actEncap,
  decap: actDecap,
  delete_field: actDeleteField,
  unroll: actUnroll,
  debug_recirc: actDebugRecirc,
  debug_slow: actDebugSlow,
};

/** Does one action on the packet. Entering a table is left to the caller. */
export function perform(pass: Pass, action: Action): Outcome {
  // The commonest kinds without the table: finding a handler costs as much as most actions.
  switch (action.type) {
    case 'output':
      return actOutput(pass, action);
    case 'resubmit':
      return actResubmit(pass, action);
    case 'set_field':
      return actSetField(pass, action);
    case 'goto_table':
      return actGotoTable(pass, action);
  }
  // The handler takes actions of the type it is listed under.
  return (HANDLERS[action.type] as (pass: Pass, action: Action) => Outcome)(pass, action);
}
