import { CliRig } from './cli.js';
import { eventually } from './eventually.js';
import type { Child } from './processes.js';
import { datapathType } from './test-datapath.js';

const SCRIPT = 'scripts/vswitchd.mjs';

/** scripts/vswitchd.mjs in a network namespace between two hosts. */
export class VswitchdRig extends CliRig {
  /** Writes the file of a switch on the datapath under test; its path. `text`: what stands behind its datapath. */
  config(text: string, name = 'vswitchd.yaml'): string {
    return this.file(name, `datapath: { type: ${datapathType} }\n${text}`);
  }

  /** Starts the script; it may fail. */
  begin(args: readonly string[], words: readonly string[] = []): Child {
    return this.startScript(SCRIPT, args, [`SLOWPATH_RUNDIR=${this.rundir()}`, ...words]);
  }

  /** Starts the script and waits until it says that it runs. */
  async serve(args: readonly string[], words: readonly string[] = []): Promise<Child> {
    await eventually('both ports are up', () => this.inside.running('p1', 'p2'));
    const child = this.begin(args, words);
    await this.said(child, '"msg":"running"');
    return child;
  }

  /** Waits until the script has said something, `times` times. */
  async said(child: Child, text: string, times = 1): Promise<void> {
    const said = () => {
      if (child.process.exitCode !== null) throw new Error(`vswitchd ended: ${child.stderr}`);
      return child.stderr.split(text).length > times;
    };
    await eventually(`vswitchd says ${text}`, said, 120_000).catch((cause) => {
      throw new Error(`${cause.message}; it said: ${child.stderr}`, { cause });
    });
  }

  /** Has it read its file again, and waits until it has. */
  async reload(child: Child, times = 1, text = '"msg":"reloaded"'): Promise<void> {
    child.process.kill('SIGHUP');
    await this.said(child, text, times);
  }
}
