import type { Action } from '../openflow/index.js';
import type { Pass } from './pass.js';

/**
 * What happens after an action: the next one; its list ends; `pass.nextTable` is looked up first; the list ends and its other
 * actions are done after a recirculation; the list goes on under `pass.table` and the pass's cookie.
 */
export type Outcome = 'continue' | 'stop' | 'table' | 'frozen' | 'relabel';

export type ActionOf<T extends Action['type']> = Extract<Action, { type: T }>;

/**
 * Does one kind of action on the packet in `pass`. What it leaves undone, and why, it notes; what goes wrong it says in
 * `pass.error`. It never throws.
 */
export type Handler<T extends Action['type']> = (pass: Pass, action: ActionOf<T>) => Outcome;
