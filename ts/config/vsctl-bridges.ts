import { SlowpathError } from '../errors/index.js';
import { ROOT_UUID, type Row } from './configuration.js';
import { type Datum, datumOfAtoms } from './datum.js';
import { SCHEMA } from './schema.js';
import { setColumn } from './vsctl-records.js';
import type { Session, VsctlEntry } from './vsctl-session.js';

type Options = ReadonlyMap<string, string>;

const BRIDGE = SCHEMA.get('Bridge')!;
const PORT = SCHEMA.get('Port')!;
const INTERFACE = SCHEMA.get('Interface')!;
const OPEN_VSWITCH = SCHEMA.get('Open_vSwitch')!;

function requireFree(session: Session, name: string, what: string): void {
  for (const table of ['Bridge', 'Port', 'Interface'] as const) {
    if (session.named(table, name) === undefined) continue;
    throw new SlowpathError(
      'ERR_CONFIG_DUPLICATE',
      `cannot make ${what} "${name}": there is ${table === 'Interface' ? 'an' : 'a'} ${table.toLowerCase()} of this name`,
    );
  }
}

function bridgeRow(session: Session, name: string): Row {
  const row = session.named('Bridge', name);
  if (row !== undefined) return row;
  throw new SlowpathError('ERR_CONFIG_RECORD', `there is no bridge "${name}": make it with add-br ${name}`);
}

/** Adds a row to, or takes it from, a set of references. */
function changeReferences(
  session: Session,
  owner: Row,
  column: string,
  change: (uuids: string[]) => string[],
): void {
  const schema = SCHEMA.get(owner.table)!.columns.get(column)!;
  const current = session.draft.view.row(owner.table, owner.uuid)!;
  session.draft.update(current, schema, datumOfAtoms(schema, change([...current.texts(column)])));
}

/** Makes interfaces and the port over them, and puts it on the bridge. */
function makePort(
  session: Session,
  bridge: Row,
  name: string,
  interfaces: readonly string[],
  columns: ReadonlyMap<string, Datum> = new Map(),
  type = '',
): Row {
  const uuids = interfaces.map((ifname) => {
    const uuid = session.uuidOf('Interface', ifname);
    session.draft.insert(
      INTERFACE,
      uuid,
      new Map<string, Datum>([
        ['name', ifname],
        ['type', type],
      ]),
    );
    return uuid;
  });
  const port = session.draft.insert(
    PORT,
    session.uuidOf('Port', name),
    new Map<string, Datum>([
      ['name', name],
      ['interfaces', datumOfAtoms(PORT.columns.get('interfaces')!, uuids)],
      ...columns,
    ]),
  );
  changeReferences(session, bridge, 'ports', (ports) => [...ports, port.uuid]);
  return port;
}

/** The bridge a port is on; for a fake bridge (`add-br NAME PARENT VLAN`), the parent. */
export function bridgeOfPort(session: Session, port: Row): Row {
  return session.draft.view.rows('Bridge').find((row) => row.texts('ports').includes(port.uuid))!;
}

/** A bridge by name, with the VLAN that a fake one stands for. */
export function findBridge(
  session: Session,
  name: string,
): { readonly row: Row; readonly vlan: number | null } {
  const port = session.named('Port', name);
  if (port?.flag('fake_bridge')) return { row: bridgeOfPort(session, port), vlan: port.number('tag') };
  return { row: bridgeRow(session, name), vlan: null };
}

/** Whether there is such a bridge; throws when there is one of another kind. */
function bridgeExists(
  session: Session,
  name: string,
  parent: string | undefined,
  vlan: string | undefined,
): boolean {
  const fake = session.named('Port', name);
  const isFake = fake?.flag('fake_bridge') === true;
  if (!isFake && session.named('Bridge', name) === undefined) return false;
  const is = isFake
    ? `a VLAN bridge of ${bridgeOfPort(session, fake).text('name')} for VLAN ${fake.number('tag')}`
    : 'no VLAN bridge';
  const wanted =
    parent === undefined ? 'no VLAN bridge' : `a VLAN bridge of ${parent} for VLAN ${Number(vlan)}`;
  if (is === wanted) return true;
  throw new SlowpathError('ERR_CONFIG_DUPLICATE', `bridge ${name} exists and is ${is}, not ${wanted}`);
}

function addBridge(session: Session, options: Options, args: readonly string[]): undefined {
  const [name, parent, vlan] = args;
  if (args.length === 2) {
    throw new SlowpathError('ERR_VSCTL', 'add-br: expected NAME or NAME PARENT VLAN');
  }
  const { view } = session.draft;
  if (options.has('may-exist') && bridgeExists(session, name, parent, vlan)) return;
  requireFree(session, name, 'bridge');
  if (parent !== undefined) {
    const tag = Number(vlan);
    if (!/^\d+$/.test(vlan) || tag > 4095) {
      throw new SlowpathError('ERR_VSCTL', `add-br: VLAN "${vlan}" is not in 0 to 4095`);
    }
    makePort(
      session,
      bridgeRow(session, parent),
      name,
      [name],
      new Map<string, Datum>([
        ['fake_bridge', true],
        ['tag', tag],
      ]),
      'internal',
    );
    return;
  }
  const bridge = session.draft.insert(BRIDGE, session.uuidOf('Bridge', name), new Map([['name', name]]));
  changeReferences(session, view.row(OPEN_VSWITCH.name, ROOT_UUID)!, 'bridges', (all) => [
    ...all,
    bridge.uuid,
  ]);
  makePort(session, bridge, name, [name], new Map(), 'internal');
}

function deleteBridge(session: Session, options: Options, [name]: readonly string[]): undefined {
  const { view } = session.draft;
  const fake = session.named('Port', name);
  if (fake?.flag('fake_bridge')) {
    const parent = bridgeOfPort(session, fake);
    const tag = fake.number('tag');
    const gone = view.referred(parent, 'ports').filter((port) => port === fake || port.number('tag') === tag);
    changeReferences(session, parent, 'ports', (all) =>
      all.filter((uuid) => !gone.some((port) => port.uuid === uuid)),
    );
    return;
  }
  if (session.named('Bridge', name) === undefined && options.has('if-exists')) return;
  const bridge = bridgeRow(session, name);
  changeReferences(session, view.row(OPEN_VSWITCH.name, ROOT_UUID)!, 'bridges', (all) =>
    all.filter((uuid) => uuid !== bridge.uuid),
  );
  for (const set of view.rows('Flow_Sample_Collector_Set')) {
    // Others keep the row of their bridge, which no longer hangs from the row of Open_vSwitch: ovs-vsctl does not look at them.
    if (set.text('bridge') === bridge.uuid && session.draft.isNew(set)) session.draft.delete(set);
  }
  // Out of the way at once: a later command of the same line may use the names again.
  for (const port of view.referred(bridge, 'ports')) deletePortRow(session, port);
  session.draft.delete(bridge);
}

function deletePortRow(session: Session, port: Row): void {
  for (const row of session.draft.view.referred(port, 'interfaces')) session.draft.delete(row);
  session.draft.delete(port);
}

function addPort(
  session: Session,
  options: Options,
  bridgeName: string,
  name: string,
  interfaces: readonly string[],
  settings: readonly string[],
): undefined {
  const { row: bridge, vlan } = findBridge(session, bridgeName);
  const existing = session.named('Port', name);
  if (existing !== undefined && options.has('may-exist')) {
    const owner = bridgeOfPort(session, existing);
    const names = session.draft.view.referred(existing, 'interfaces').map((row) => row.text('name'));
    if (owner.uuid !== bridge.uuid) {
      throw new SlowpathError(
        'ERR_CONFIG_DUPLICATE',
        `port "${name}" is on bridge ${owner.text('name')} already`,
      );
    }
    if (names.toSorted().join() !== interfaces.toSorted().join()) {
      throw new SlowpathError(
        'ERR_CONFIG_DUPLICATE',
        `port "${name}" exists with interfaces ${names.join(', ')}`,
      );
    }
    return;
  }
  if (new Set(interfaces).size < interfaces.length) {
    throw new SlowpathError('ERR_CONFIG_DUPLICATE', `port "${name}": an interface is given twice`);
  }
  for (const ifname of new Set([name, ...interfaces])) requireFree(session, ifname, 'port');
  const port = makePort(
    session,
    bridge,
    name,
    interfaces,
    vlan === null ? new Map() : new Map([['tag', vlan]]),
  );
  for (const text of settings) setColumn(session, PORT, port, text);
}

/** Arguments up to the first COLUMN[:KEY]=VALUE are names. */
function splitSettings(args: readonly string[]): readonly [readonly string[], readonly string[]] {
  const first = args.findIndex((text) => text.includes('='));
  return first < 0 ? [args, []] : [args.slice(0, first), args.slice(first)];
}

function addBond(session: Session, options: Options, args: readonly string[]): undefined {
  const [names, settings] = splitSettings(args.slice(2));
  if (names.length < 2) {
    throw new SlowpathError('ERR_VSCTL', `add-bond ${args[1]}: a bond needs at least two interfaces`);
  }
  addPort(session, options, args[0], args[1], names, settings);
  if (!options.has('fake-iface')) return;
  setColumn(session, PORT, session.named('Port', args[1])!, 'bond_fake_iface=true');
}

function bridgeNameOf(session: Session, port: Row | undefined): string {
  return port === undefined
    ? ''
    : port.flag('fake_bridge')
      ? port.text('name')
      : bridgeOfPort(session, port).text('name');
}

function deletePort(session: Session, options: Options, args: readonly string[]): undefined {
  const name = args[args.length - 1];
  const { view } = session.draft;
  const ofInterface = (): Row | undefined => {
    const row = session.named('Interface', name);
    return row && view.rows('Port').find((candidate) => candidate.texts('interfaces').includes(row.uuid));
  };
  const port = options.has('with-iface')
    ? (session.named('Port', name) ?? ofInterface())
    : session.named('Port', name);
  const local = port?.text('name') === bridgeNameOf(session, port);
  if (port === undefined || (local && options.has('if-exists'))) {
    if (options.has('if-exists')) return;
    throw new SlowpathError('ERR_CONFIG_RECORD', `there is no port "${name}"`);
  }
  const bridge = bridgeOfPort(session, port);
  if (local) {
    throw new SlowpathError(
      'ERR_VSCTL',
      `cannot delete port ${name}: it is the local port of bridge ${name}; use del-br ${name}`,
    );
  }
  if (args.length === 2 && findBridge(session, args[0]).row.uuid !== bridge.uuid) {
    throw new SlowpathError(
      'ERR_CONFIG_RECORD',
      `port "${name}" is on bridge ${bridge.text('name')}, not on ${args[0]}`,
    );
  }
  changeReferences(session, bridge, 'ports', (all) => all.filter((uuid) => uuid !== port.uuid));
  deletePortRow(session, port);
}

function bondInterface(
  session: Session,
  options: Options,
  [bond, name]: readonly string[],
  adds: boolean,
): undefined {
  const port = session.requireRow(PORT, bond);
  const found = session.named('Interface', name);
  const member = found !== undefined && port.texts('interfaces').includes(found.uuid);
  if (adds === member) {
    if (options.has(adds ? 'may-exist' : 'if-exists')) return;
    throw new SlowpathError(
      'ERR_CONFIG_RECORD',
      `interface "${name}" is ${adds ? 'already' : 'not'} in bond ${bond}`,
    );
  }
  if (member) {
    changeReferences(session, port, 'interfaces', (all) => all.filter((one) => one !== found.uuid));
    return;
  }
  requireFree(session, name, 'interface');
  const row = session.draft.insert(INTERFACE, session.uuidOf('Interface', name), new Map([['name', name]]));
  changeReferences(session, port, 'interfaces', (all) => [...all, row.uuid]);
}

function names(rows: readonly Row[]): string {
  return rows
    .map((row) => row.text('name'))
    .sort()
    .join('\n');
}

/** The ports of a bridge but its local one; of a fake bridge, those with its VLAN. */
function portsOf(session: Session, name: string): Row[] {
  const { row, vlan } = findBridge(session, name);
  const { view } = session.draft;
  const ports = view.referred(row, 'ports');
  const fakes = new Set(ports.filter((port) => port.flag('fake_bridge')).map((port) => port.number('tag')));
  return ports.filter(
    (port) =>
      !port.flag('fake_bridge') &&
      port.text('name') !== row.text('name') &&
      (vlan === null ? !fakes.has(port.number('tag')) : port.number('tag') === vlan),
  );
}

function listPorts(session: Session, name: string): string {
  return names(portsOf(session, name));
}

function listInterfaces(session: Session, name: string): string {
  return names(portsOf(session, name).flatMap((port) => session.draft.view.referred(port, 'interfaces')));
}

/** Commands on bridges, ports and bonds (ovs-vsctl(8)). */
export const BRIDGE_COMMANDS: Readonly<Record<string, VsctlEntry>> = {
  'add-br': {
    min: 1,
    max: 3,
    options: ['may-exist'],
    run: (s, { options, args }) => addBridge(s, options, args),
  },
  'del-br': {
    min: 1,
    max: 1,
    options: ['if-exists'],
    run: (s, { options, args }) => deleteBridge(s, options, args),
  },
  'list-br': {
    min: 0,
    max: 0,
    options: [],
    run: ({ draft: { view } }) => {
      const bridges = view.referred(view.root, 'bridges');
      const ports = bridges.flatMap((bridge) => view.referred(bridge, 'ports'));
      return names([...bridges, ...ports.filter((port) => port.flag('fake_bridge'))]);
    },
  },
  'add-port': {
    min: 2,
    max: Infinity,
    options: ['may-exist'],
    run: (s, { options, args }) => addPort(s, options, args[0], args[1], [args[1]], args.slice(2)),
  },
  'add-bond': {
    min: 4,
    max: Infinity,
    options: ['may-exist', 'fake-iface'],
    run: (s, { options, args }) => addBond(s, options, args),
  },
  'add-bond-iface': {
    min: 2,
    max: 2,
    options: ['may-exist'],
    run: (s, { options, args }) => bondInterface(s, options, args, true),
  },
  'del-bond-iface': {
    min: 2,
    max: 2,
    options: ['if-exists'],
    run: (s, { options, args }) => bondInterface(s, options, args, false),
  },
  'del-port': {
    min: 1,
    max: 2,
    options: ['if-exists', 'with-iface'],
    run: (s, { options, args }) => deletePort(s, options, args),
  },
  'list-ifaces': {
    min: 1,
    max: 1,
    options: [],
    run: (s, { args }) => listInterfaces(s, args[0]),
  },
  'list-ports': { min: 1, max: 1, options: [], run: (s, { args }) => listPorts(s, args[0]) },
};
