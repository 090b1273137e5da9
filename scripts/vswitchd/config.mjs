// Reads the file of vswitchd.mjs: YAML or JSON, checked by schema. What is wrong is told with file, line and column.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { configurationFromJson, emptyConfiguration, SlowpathError, splitShellWords, vsctl } from 'slowpath';
import { isMap, LineCounter, parseDocument } from 'yaml';
import { SCHEMA } from './schema.mjs';

const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strict: true }).compile(SCHEMA);

/** Something that whoever wrote the file can mend. */
export const problem = (message, cause) => new SlowpathError('ERR_CONFIG_FILE', message, { cause });

/** Reads a file. Throws ERR_CONFIG_FILE. */
export function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw problem(`cannot read ${file}: ${cause.message}`, cause);
  }
}

/** A parsed file that knows where its values stand. */
class Source {
  constructor(file) {
    this.file = file;
    this.lines = new LineCounter();
    this.document = parseDocument(readText(file), { lineCounter: this.lines, prettyErrors: false });
    const [error] = this.document.errors;
    if (error !== undefined) throw problem(`${this.#at(error.pos[0])}: ${error.message}`, error);
  }

  #at(offset) {
    const { line, col } = this.lines.linePos(offset);
    return `${this.file}:${line}:${col}`;
  }

  /** `FILE:LINE:COLUMN` of the value at a path, or of the nearest one around it; with `key`, of that key in it. */
  where(path, key) {
    return this.#at(this.offset(path, key));
  }

  /** Where that is, in characters from the beginning. */
  offset(path, key) {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.document.contents : this.document.getIn(path.slice(0, length), true);
      if (!node?.range) continue;
      const pair =
        key === undefined || !isMap(node) ? null : node.items.find((item) => item.key?.value === key);
      return (pair?.key ?? node).range[0];
    }
    return 0;
  }
}

/** A line for each way in which the file is not what the schema asks for, from top to bottom. */
function schemaProblems(source) {
  const problems = validate.errors.map((error) => {
    const keys = error.instancePath.split('/').slice(1);
    const path = keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const { additionalProperty: extra, allowedValues } = error.params;
    const name = path.length === 0 ? 'the file' : path.join('.');
    const text =
      extra !== undefined
        ? `${[...path, extra].join('.')}: there is no such setting`
        : `${name} ${error.message}${allowedValues === undefined ? '' : `: ${allowedValues.join(', ')}`}`;
    return { at: source.offset(path, extra), line: `${source.where(path, extra)}: ${text}` };
  });
  return [...new Set(problems.sort((a, b) => a.at - b.at).map(({ line }) => line))];
}

/** The configuration model that the file describes; errors name the place. */
function readModel(source, { configuration: model, vsctl: commands = [] }) {
  let configuration = emptyConfiguration();
  try {
    if (model !== undefined) configuration = configurationFromJson(model);
  } catch (cause) {
    // The message begins with the place, as in bridges[0].ports[1].tag.
    const place = /^[\w.[\]-]+(?=:)/.exec(cause.message)?.[0] ?? '';
    const path = place.split(/[.[\]]+/).filter((part) => part !== '');
    const keys = path.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    throw problem(`${source.where(['configuration', ...keys])}: ${cause.message}`, cause);
  }
  const lines = (Array.isArray(commands) ? commands : commands.split('\n')).map((line) => line.trim());
  try {
    for (const line of lines)
      if (line !== '' && !line.startsWith('#'))
        configuration = vsctl(configuration, splitShellWords(line)).configuration;
  } catch (cause) {
    throw problem(`${source.where(['vsctl'])}: ${cause.message}`, cause);
  }
  return configuration;
}

/** Text of one file or several, which knows what file and line each of its lines is from. */
export class Texts {
  constructor(folder, names = []) {
    this.parts = [names].flat().map((name) => {
      const file = resolve(folder, name);
      return { file, text: `${readText(file)}\n` };
    });
    this.text = this.parts.map(({ text }) => text).join('');
  }

  /** A SyntaxProblem of this text, or of one `line` of it, as one that names the file. */
  locate(error, line = error.line) {
    if (error.line === undefined) return error;
    for (const { file, text } of this.parts) {
      const count = text.split('\n').length - 1;
      if (line <= count) return problem(`${file}:${line}:${error.column}: ${error.message}`, error);
      line -= count;
    }
    return error;
  }
}

function readBridge(folder, { flows, groups, meters, tlvMap = '' }) {
  const texts = (names) => new Texts(folder, names);
  return { flows: texts(flows), groups: texts(groups), meters: texts(meters), tlvMap };
}

/** Where the next run finds what it needs to take flows over; undefined where nothing outlives the process. */
function stateFile(folder, { state, datapath: { type, name = 'ovs-system' } }) {
  if (type !== 'system') return undefined;
  if (state !== undefined) return resolve(folder, state);
  return resolve(process.env.SLOWPATH_RUNDIR ?? '/run/slowpath', `vswitchd-${name}.state`);
}

/** Paths of policies by number of the table. */
function policyPaths(folder, given) {
  const byTable = typeof given === 'string' ? { 0: given } : given;
  return new Map(Object.entries(byTable).map(([table, path]) => [Number(table), resolve(folder, path)]));
}

/** Reads and checks the whole file, and those that it names. Throws ERR_CONFIG_FILE, one line for each thing that is wrong. */
export function readConfig(file) {
  const source = new Source(file);
  const value = source.document.toJS() ?? {};
  if (!validate(value)) throw problem(schemaProblems(source).join('\n'));
  const folder = dirname(resolve(file));
  const configuration = readModel(source, value);
  const bridges = new Set(configuration.rows('Bridge').map((row) => row.text('name')));
  for (const section of ['openflow', 'policies']) {
    for (const name of Object.keys(value[section] ?? {})) {
      if (!bridges.has(name))
        throw problem(
          `${source.where([section], name)}: ${section}.${name}: the configuration has no such bridge`,
        );
    }
  }
  const entries = (section) => Object.entries(value[section] ?? {});
  const { flowLimit, ...policy } = value.limits ?? {};
  return {
    file,
    datapath: value.datapath,
    keep: value.keep ?? value.datapath.type === 'system',
    stateFile: stateFile(folder, value),
    control: value.control ?? true,
    metrics: value.metrics ?? null,
    level: value.log?.level ?? 'info',
    limits: { ...(flowLimit === undefined ? {} : { flowLimit }), policy },
    configuration,
    openflow: new Map(entries('openflow').map(([name, bridge]) => [name, readBridge(folder, bridge)])),
    policies: new Map(entries('policies').map(([name, given]) => [name, policyPaths(folder, given)])),
  };
}
