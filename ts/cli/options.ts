import { InvalidArgumentError, Option } from 'commander';

/** Options that are whole numbers from 1 on. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number from 1 on.');
  return value;
}

/** Options that name a network device. */
export function interfaceName(text: string): string {
  if (text === '' || Buffer.byteLength(text) > 15 || /[\s/]/.test(text)) {
    throw new InvalidArgumentError('an interface name has 1 to 15 bytes, no space and no slash.');
  }
  return text;
}

/** Names of network devices, each once. */
export function collect(text: string, before: readonly string[]): string[] {
  const name = interfaceName(text);
  if (before.includes(name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return [...before, name];
}

/** Options that may be repeated. */
export const append = (text: string, before: readonly string[]) => [...before, text];

/** Which datapath. */
export const datapathOption = () =>
  new Option('-d, --datapath <type>', 'system: the kernel module; netdev: the embedded datapath').choices([
    'system',
    'netdev',
  ]);
