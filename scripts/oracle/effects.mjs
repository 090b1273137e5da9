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

/** set(KIND(a=1,b=2)) → state entries KIND.a = 1, …; a tunnel is set as a whole. */
function set(state, inner) {
  const [, kind, members] = /^(\w+)\((.*)\)$/.exec(inner) ?? [null, inner, ''];
  if (kind === 'tunnel' || !members.includes('=')) {
    state.set(kind, members);
    return;
  }
  for (const member of split(members)) {
    const [name, value] = member.split('=');
    state.set(`${kind}.${name}`, value);
  }
}

/**
 * The packets that leave and the actions that are taken, each with how the packet then is; sorted. Packets that leave as the same port
 * did before, in another order of changes, come out equal. `tunnelPorts`: numbers of the ports that tunnel metadata matters to.
 */
export function effects(actions, tunnelPorts = new Set()) {
  const state = new Map();
  const tags = [];
  const seen = [];
  let cut = '';
  for (const part of split(actions)) {
    const [, name, inner] = /^([a-z_]+)\((.*)\)$/s.exec(part) ?? [null, part, ''];
    if (name === 'set') set(state, inner);
    else if (name.startsWith('push_')) tags.push(part);
    else if (name.startsWith('pop_') && tags.length > 0 && tags.at(-1).slice(5, 8) === name.slice(4, 7))
      tags.pop();
    else if (name.startsWith('pop_')) tags.push(part);
    else if (name === 'trunc') cut = `${part},`;
    else {
      const matters = ([key]) => key !== 'tunnel' || tunnelPorts.has(part);
      const changes = [...state].filter(matters).map(([key, value]) => `${key}=${value}`);
      changes.sort();
      seen.push(`${[...changes, ...tags].join(',')} → ${cut}${part}`);
      cut = '';
    }
  }
  return seen.sort();
}

/** Whether two action lists do the same in some order. */
export function sameEffects(a, b, tunnelPorts) {
  const [left, right] = [effects(a, tunnelPorts), effects(b, tunnelPorts)];
  return left.length === right.length && left.every((one, i) => one === right[i]);
}
