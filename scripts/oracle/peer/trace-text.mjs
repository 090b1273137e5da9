// What ofproto/trace prints → the form of a case's trace.

const PREFIXES = {
  'Flow: ': 'flow',
  'Final flow: ': 'finalFlow',
  'Megaflow: ': 'megaflow',
  'Datapath actions: ': 'datapathActions',
};

/** Renames recirculation ids, which differ from run to run, to R1, R2, … in order of appearance. */
function renameRecirculation(text) {
  const names = new Map();
  return text.replace(/\b(recirc(?:_id=|\())(0x[0-9a-f]+|\d+)\b/g, (whole, before, id) => {
    if (Number(id) === 0) return whole;
    if (!names.has(id)) names.set(id, `R${names.size + 1}`);
    return before + names.get(id);
  });
}

/** Takes one line into the step; `state.reasons` says that a list of slow-path reasons is being read. */
function takeLine(step, line, state) {
  for (const [prefix, name] of Object.entries(PREFIXES)) {
    if (line.startsWith(prefix)) step[name] = line.slice(prefix.length);
  }
  if (/^Translation failed .*packet is dropped\.$/.test(line)) step.error = line;
  if (line.startsWith('This flow is handled by the userspace slow path')) {
    state.reasons = true;
    step.slow = [];
  } else if (state.reasons) {
    const reason = /^\s+- (.*?)\.?$/.exec(line);
    if (reason) step.slow.push(reason[1]);
    else state.reasons = false;
  }
}

/**
 * `undefinedOrder`: the configuration floods although the trace does not say so.
 *
 * @returns {{ datapathActions: string, megaflow: string, slow?: string[], translationError?: string, steps: object[],
 *   compare: 'exact' | 'multiset' }}
 */
export function parseTrace(output, undefinedOrder = false) {
  const steps = [];
  const state = { reasons: false };
  for (const line of renameRecirculation(output).split('\n')) {
    if (line.startsWith('Flow: ')) steps.push({});
    if (steps.length > 0) takeLine(steps.at(-1), line, state);
  }
  const [first] = steps;
  if (first === undefined || steps.some((step) => step.datapathActions === undefined)) {
    throw new Error(`not the output of a trace: ${output.slice(0, 200)}`);
  }
  // The order of ports in a flood is that of a hash table.
  const floods = undefinedOrder || /^\s+(FLOOD|ALL)\b|flooding|-> no learned MAC/m.test(output);
  return {
    datapathActions: first.datapathActions,
    megaflow: first.megaflow,
    ...(first.slow ? { slow: first.slow } : {}),
    ...(first.error ? { translationError: first.error } : {}),
    steps,
    compare: floods ? 'multiset' : 'exact',
  };
}
