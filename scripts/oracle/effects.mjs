// What datapath actions do, without the order in which they do it: for comparing floods, whose order is not defined.

/** Top-level, comma-separated parts. */
function split(text) {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '(') depth += 1;
    else if (text[i] === ')') depth -= 1;
    else if (i === text.length || (text[i] === ',' && depth === 0)) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return parts;
}

/** name(inner) → [name, inner]; inner is null without parentheses. */
function parse(part) {
  const at = part.indexOf('(');
  return at < 0 ? [part, null] : [part.slice(0, at), part.slice(at + 1, -1)];
}

/** Actions that what follows in the same scope depends on, besides being effects themselves. */
const LASTING = new Set(['ct', 'ct_clear', 'meter', 'push_nsh', 'pop_nsh', 'push_eth', 'pop_eth']);

/** A value that is set, a number or an Ethernet address, with what is kept where a mask leaves it. */
function unmasked(text, before) {
  const [value, mask] = text.split('/');
  if (mask === undefined || before === undefined) return text;
  const merged = (was, set, bits) => (was & ~bits) | set;
  if (value.includes(':')) {
    const bytes = [before, value, mask].map((address) =>
      address.split(':').map((byte) => Number.parseInt(byte, 16)),
    );
    if (bytes.some((list) => list.length !== 6 || list.some(Number.isNaN))) return text;
    const byte = (i) => merged(bytes[0][i], bytes[1][i], bytes[2][i]);
    return bytes[0].map((_, i) => byte(i).toString(16).padStart(2, '0')).join(':');
  }
  if (Number.isNaN(Number(value) + Number(mask))) return text;
  return `0x${merged(Number(before), Number(value), Number(mask)).toString(16)}`;
}

/** Walks over actions and collects what they do. Each scope (clone, branch) has a packet of its own. */
class Packet {
  /** Fields that were set, by KIND.member. */
  #fields;
  /** Tags on the packet. */
  #tags;
  /** Lasting actions that it went through. */
  #history;
  #cut = '';

  /**
   * `original`, `tags`: what fields and tags were at first; `ignored`: fields that do not count; `tunnelPorts`: the ports that tunnel metadata matters to;
   * `seen`: where effects go.
   */
  constructor(rules, fields = new Map(), tags = rules.tags, history = []) {
    this.rules = rules;
    this.#fields = new Map(fields);
    this.#tags = [...tags];
    this.#history = [...history];
  }

  copy(rules = this.rules) {
    return new Packet(rules, this.#fields, this.#tags, this.#history);
  }

  /** set(KIND(a=1,b=2)) → KIND.a = 1, …; a tunnel is set as a whole. */
  #set(inner) {
    const [kind, members] = parse(inner);
    if (kind === 'tunnel' || !members?.includes('=')) {
      this.#fields.set(kind, members);
      return;
    }
    for (const member of split(members)) {
      const [name, value] = member.split('=');
      const key = `${kind}.${name}`;
      this.#fields.set(key, unmasked(value, this.#fields.get(key) ?? this.rules.original.get(key)));
    }
  }

  #changeTags(name, part) {
    const last = this.#tags.at(-1);
    if (name.startsWith('pop_') && last?.startsWith(name.replace('pop', 'push'))) this.#tags.pop();
    else this.#tags.push(part);
  }

  #effect(part) {
    const { original, ignored, tunnelPorts, seen } = this.rules;
    const matters = ([key, value]) =>
      !ignored.has(key) && original.get(key) !== value && (key !== 'tunnel' || tunnelPorts.has(part));
    const changes = [...this.#fields].filter(matters).map(([key, value]) => `${key}=${value}`);
    changes.sort();
    seen.push(`${[...changes, ...this.#tags, ...this.#history].join(',')} → ${this.#cut}${part}`);
    this.#cut = '';
  }

  /** sample(…,actions(…)), check_pkt_len(…,gt(…),le(…)): an effect, and those of its branches with the branch in front. */
  #branches(name, inner) {
    const members = split(inner).map((member) => [member, ...parse(member)]);
    const words = members.map(([member, key, actions]) => (actions === null ? member : key));
    const head = `${name}(${words.join(',')})`;
    this.#effect(head);
    for (const [, key, actions] of members) {
      if (actions === null) continue;
      const seen = [];
      this.copy({ ...this.rules, seen }).walk(actions);
      for (const effect of seen) this.rules.seen.push(`${head} ${key}: ${effect}`);
    }
  }

  walk(actions) {
    for (const part of split(actions)) {
      const [name, inner] = parse(part);
      if (name === 'set') this.#set(inner);
      else if (name === 'trunc') this.#cut = `${part},`;
      else if (name === 'clone') this.copy().walk(inner);
      else if (name === 'sample' || name === 'check_pkt_len') this.#branches(name, inner);
      else if (LASTING.has(name)) {
        // A meter does not care how the packet is.
        if (name === 'meter') this.rules.seen.push(part);
        else this.#effect(part);
        this.#history.push(part);
      } else if (/^(push|pop)_/.test(name)) this.#changeTags(name, part);
      else this.#effect(part);
    }
  }
}

const ORIGINALS = [
  ['dl_src', 'eth.src'],
  ['dl_dst', 'eth.dst'],
  ['nw_src', 'ipv4.src'],
  ['nw_dst', 'ipv4.dst'],
  ['nw_ttl', 'ipv4.ttl'],
  ['nw_ttl', 'ipv6.hlimit'],
  ['ipv6_src', 'ipv6.src'],
  ['ipv6_dst', 'ipv6.dst'],
  ['pkt_mark', 'skb_mark'],
  ['skb_priority', 'skb_priority'],
];

/** Fields of a flow in OpenFlow words, by their names in actions: a packet on which they are set back is as it was. */
function originals(words) {
  const known = ORIGINALS.filter(([word]) => words.has(word)).map(([word, key]) => [key, words.get(word)]);
  const fields = new Map([['skb_mark', '0'], ['skb_priority', '0'], ...known]);
  if (words.has('nw_tos') && words.has('nw_ecn')) {
    const tos = `0x${(Number(words.get('nw_tos')) | Number(words.get('nw_ecn'))).toString(16)}`;
    fields.set('ipv4.tos', tos).set('ipv6.tclass', tos);
  }
  return fields;
}

/** The tags of a flow, inner one first, as they would be pushed. */
function originalTags(words) {
  return ['1', ''].flatMap((n) =>
    words.has(`dl_vlan${n}`)
      ? [`push_vlan(vid=${words.get(`dl_vlan${n}`)},pcp=${words.get(`dl_vlan_pcp${n}`)})`]
      : [],
  );
}

/**
 * The packets that leave and the actions that are taken, each with how the packet then is; sorted. Packets that leave as the same port
 * did before, in another order of changes, come out equal; so does what is cloned and what, being last, is not. `flow`: the packet that came
 * in. `tunnelPorts`: numbers of the ports that tunnel metadata matters to. `ignored`: fields whose values do not count, such as skb_mark.
 */
export function effects(actions, { flow = '', tunnelPorts = new Set(), ignored = new Set() } = {}) {
  const seen = [];
  const words = new Map(flow.split(',').map((word) => word.split('=')));
  const original = originals(words);
  new Packet({ original, tags: originalTags(words), ignored, tunnelPorts, seen }).walk(actions);
  return seen.sort();
}

/** Whether two action lists do the same in some order. `about`: see effects. */
export function sameEffects(a, b, about) {
  const [left, right] = [effects(a, about), effects(b, about)];
  return left.length === right.length && left.every((one, i) => one === right[i]);
}
