import type { Switch } from '../switch/index.js';
import type { Coverage } from './coverage.js';

/** What commands work on. */
export interface ControlContext {
  readonly theSwitch: Switch;
  readonly coverage: Coverage;
}

/** A command that a running switch can be given, named as ovs-appctl has it. */
export interface Command {
  readonly name: string;
  /** Its arguments, for people: `BRIDGE [MATCH]`. */
  readonly usage: string;
  /** One line on what it does. */
  readonly help: string;
  /** Arguments it takes at least and at most. */
  readonly least: number;
  readonly most: number;
  /** What it prints, without the newline at the end. Throws SlowpathError when it cannot. */
  run(context: ControlContext, args: readonly string[]): string | Promise<string>;
}
