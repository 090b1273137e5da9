/** Small, fast, and the same for the same seed (xorshift32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }
  /** An integer from 0 to n - 1. */
  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

/** What number parsers trip over, and what the syntax is made of. */
const ODDITIES = [
  ...['0', '1', '-1', '4095', '4096', '65535', '65536', '0x10', '0xffffffff', '0x100000000', '4294967296'],
  ...['18446744073709551616', '1e9', '0x', '00', '.', '%', '50.0%', '1000000.0%', '::', '255.255.255.256'],
  ...[
    '(',
    ')',
    ',',
    '=',
    '/',
    '-',
    '+',
    '|',
    '{',
    '}',
    ' ',
    '\t',
    '\n',
    '\0',
    'é',
    '\ud800',
    '()',
    ',,',
    '==',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '{}',
    '((((((((',
    '))))))))',
    'clone(',
    'clone()',
    'drop',
    'pop_vlan',
  ],
];

/** Names, numbers and single signs. */
function tokens(text: string): string[] {
  return text.match(/[A-Za-z_][A-Za-z_0-9]*|[0-9][0-9a-fA-FxX.:%]*|[\s\S]/g) ?? [];
}

function mutateOnce(parts: string[], random: Random, seeds: readonly string[]): void {
  const at = random.below(parts.length + 1);
  const length = 1 + random.below(4);
  switch (random.below(8)) {
    case 0:
      parts.splice(at, length);
      break;
    case 1:
      parts.splice(at, 0, ...parts.slice(at, at + length));
      break;
    case 2:
      parts.splice(at, random.below(2), random.pick(ODDITIES));
      break;
    case 3: {
      const other = tokens(random.pick(seeds));
      const from = random.below(other.length + 1);
      parts.splice(at, random.below(3), ...other.slice(from, from + 1 + random.below(12)));
      break;
    }
    case 4: {
      const to = random.below(parts.length + 1);
      const moved = parts.splice(at, length);
      parts.splice(Math.min(to, parts.length), 0, ...moved);
      break;
    }
    case 5: {
      const token = parts[at];
      if (token === undefined) break;
      const cut = random.below(token.length + 1);
      parts[at] =
        token.slice(0, cut) + String.fromCharCode(32 + random.below(96)) + token.slice(cut + random.below(2));
      break;
    }
    case 6:
      parts.splice(0, parts.length, random.pick(['clone', 'encap', 'set', 'tunnel']), '(', ...parts, ')');
      break;
    default:
      parts.splice(at, 0, ',', ...tokens(random.pick(seeds)));
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A few changes of a text, by token. Between 1 and 4000 characters, else `input` again. */
export function mutateText(input: Uint8Array, random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  const parts = tokens(decoder.decode(input));
  const others = [decoder.decode(random.pick(seeds)), decoder.decode(random.pick(seeds))];
  for (let n = 1 + random.below(4); n > 0; n--) mutateOnce(parts, random, others);
  const text = parts.join('');
  return text.length > 0 && text.length <= 4000 ? encoder.encode(text) : input;
}

/** A few changes of bytes: single ones, attribute lengths, cuts, and pieces of other inputs. */
export function mutateBytes(input: Uint8Array, random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  let bytes = [...input];
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(bytes.length + 1);
    switch (random.below(6)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes[at & ~3] = random.below(48);
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4: {
        const other = random.pick(seeds);
        const from = random.below(other.length + 1) & ~3;
        bytes.splice(at & ~3, random.below(8) * 4, ...other.subarray(from, from + 4 * random.below(16)));
        break;
      }
      default:
        bytes.splice(at & ~3, 4 * random.below(4));
    }
  }
  return bytes.length <= 4000 ? Uint8Array.from(bytes) : input;
}
