// Runs a command as root in a guest with Debian's kernel and the openvswitch module. See README.md.
import { parseArgs } from 'node:util';
import { runInGuest } from './boot.mjs';
import { kernelNames, whyNoVm } from './kernel.mjs';

const usage = `usage: node scripts/vm/run.mjs [options] -- COMMAND [ARGUMENT…]
  --rw DIR       folder that the guest may write to, at the same path (may be given again)
  --timeout S    seconds until the guest is ended, status 124 (default 600)
  --kernel NAME  release: that of this machine's Debian (default); backports: the newest that is built for it
  --smp N        processors of the guest (default 2)
  --mem SIZE     memory of the guest (default 4G)
  --append TEXT  more words for the kernel's command line
The status is the command's; 125 when the guest died.`;

function parse() {
  const options = {
    rw: { type: 'string', multiple: true, default: [] },
    timeout: { type: 'string', default: '600' },
    kernel: { type: 'string', default: 'release' },
    smp: { type: 'string', default: '2' },
    mem: { type: 'string', default: '4G' },
    append: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  if (positionals.length === 0) throw new Error('no command');
  for (const name of ['timeout', 'smp'])
    if (!(Number(values[name]) > 0)) throw new Error(`--${name} takes a number above 0, not ${values[name]}`);
  if (!kernelNames.includes(values.kernel))
    throw new Error(`--kernel takes ${kernelNames.join(' or ')}, not ${values.kernel}`);
  return { ...values, command: positionals };
}

let given;
try {
  given = parse();
} catch (error) {
  console.error(`${error.message}\n${usage}`);
  process.exit(2);
}
const reason = whyNoVm(given.kernel);
if (reason) {
  console.error(`vm: ${reason}`);
  process.exit(2);
}
try {
  process.exitCode = await runInGuest({
    command: given.command,
    kernel: given.kernel,
    shared: given.rw,
    timeoutSeconds: Number(given.timeout),
    smp: Number(given.smp),
    memory: given.mem,
    append: given.append,
  });
} catch (error) {
  console.error(`vm: ${error.message}`);
  process.exitCode = 2;
}
