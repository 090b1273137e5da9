import { SlowpathError } from '../errors/index.js';
import { ROOT_UUID, type Row } from './configuration.js';
import { type Datum, datumOfAtoms, datumOfPairs, defaultDatum } from './datum.js';
import { SCHEMA } from './schema.js';
import { bridgeOfPort, findBridge } from './vsctl-bridges.js';
import { setColumn } from './vsctl-records.js';
import type { Session, VsctlEntry } from './vsctl-session.js';

const ROOT = SCHEMA.get('Open_vSwitch')!;
const BRIDGE = SCHEMA.get('Bridge')!;

function rootRow(session: Session): Row {
  return session.draft.view.row(ROOT.name, ROOT_UUID)!;
}

/** Rows of Controller or Manager with these targets, in place of those that `owner` has. */
function setTargets(
  session: Session,
  owner: Row,
  column: 'controller' | 'manager_options',
  targets: readonly string[],
  probe: string | undefined,
): undefined {
  const table = SCHEMA.get(column === 'controller' ? 'Controller' : 'Manager')!;
  for (const row of session.draft.view.referred(owner, column)) session.draft.delete(row);
  const uuids = [...new Set(targets)].map((target) => {
    const uuid = session.freshUuid(table.name);
    const row = session.draft.insert(table, uuid, new Map<string, Datum>([['target', target]]));
    if (probe !== undefined) setColumn(session, table, row, `inactivity_probe=${probe}`);
    return uuid;
  });
  const schema = SCHEMA.get(owner.table)!.columns.get(column)!;
  const current = session.draft.view.row(owner.table, owner.uuid)!;
  session.draft.update(current, schema, datumOfAtoms(schema, uuids));
}

function targetsOf(session: Session, owner: Row, column: string): string {
  const rows = session.draft.view.referred(owner, column);
  return rows
    .map((row) => row.text('target'))
    .sort()
    .join('\n');
}

/** A bridge that is no fake one. */
function realBridge(session: Session, name: string): Row {
  const { row, vlan } = findBridge(session, name);
  if (vlan === null) return row;
  throw new SlowpathError('ERR_VSCTL', `${name} is a fake bridge: name its parent ${row.text('name')}`);
}

function setFailMode(session: Session, name: string, mode: string | null): undefined {
  const row = realBridge(session, name);
  if (mode !== null && mode !== 'standalone' && mode !== 'secure') {
    throw new SlowpathError('ERR_VSCTL', `fail-mode must be "standalone" or "secure", not "${mode}"`);
  }
  session.draft.update(row, BRIDGE.columns.get('fail_mode')!, mode);
}

/** The row that holds a bridge's external ids, and the beginning of their keys: a fake bridge's are its port's. */
function externalIds(session: Session, name: string): { readonly row: Row; readonly prefix: string } {
  const bridge = findBridge(session, name);
  if (bridge.vlan === null) return { row: bridge.row, prefix: '' };
  return { row: session.named('Port', name)!, prefix: 'fake-bridge-' };
}

function setExternalId(session: Session, [name, key, value]: readonly string[]): undefined {
  const { row, prefix } = externalIds(session, name);
  const column = SCHEMA.get(row.table)!.columns.get('external_ids')!;
  const ids = new Map(row.map('external_ids'));
  if (value === undefined) ids.delete(prefix + key);
  else ids.set(prefix + key, value);
  session.draft.update(row, column, datumOfPairs(column, ids));
}

function getExternalId(session: Session, [name, key]: readonly string[]): string {
  const { row, prefix } = externalIds(session, name);
  const ids = [...row.map('external_ids')] as [string, string][];
  const own = ids
    .filter(([id]) => id.startsWith(prefix))
    .map(([id, value]) => [id.slice(prefix.length), value]);
  if (key === undefined) return own.map(([id, value]) => `${id}=${value}`).join('\n');
  return own.find(([id]) => id === key)?.[1] ?? '';
}

function setSsl(session: Session, args: readonly string[], bootstrap: boolean): undefined {
  const table = SCHEMA.get('SSL')!;
  const column = ROOT.columns.get('ssl')!;
  for (const row of session.draft.view.rows('SSL')) session.draft.delete(row);
  if (args.length === 0) {
    session.draft.update(rootRow(session), column, null);
    return;
  }
  const [key, certificate, ca] = args;
  const row = session.draft.insert(
    table,
    session.freshUuid('SSL'),
    new Map<string, Datum>([
      ['private_key', key],
      ['certificate', certificate],
      ['ca_cert', ca],
      ['bootstrap_ca_cert', bootstrap],
    ]),
  );
  session.draft.update(rootRow(session), column, row.uuid);
}

function aaMapping(session: Session, [name, isid, vlan]: readonly string[], adds: boolean): undefined {
  const { row: bridge } = findBridge(session, name);
  const numbers = [isid, vlan].map(Number);
  if (![isid, vlan].every((text) => /^\d+$/.test(text))) {
    throw new SlowpathError('ERR_VSCTL', `Auto Attach mapping "${isid} ${vlan}": expected two numbers`);
  }
  const table = SCHEMA.get('AutoAttach')!;
  const column = table.columns.get('mappings')!;
  let [row] = session.draft.view.referred(bridge, 'auto_attach');
  if (row === undefined) {
    if (!adds) return;
    row = session.draft.insert(table, session.freshUuid(table.name));
    session.draft.update(bridge, BRIDGE.columns.get('auto_attach')!, row.uuid);
  }
  const mappings = new Map(row.map('mappings'));
  if (adds) mappings.set(numbers[0], numbers[1]);
  else if (mappings.get(numbers[0]) === numbers[1]) mappings.delete(numbers[0]);
  session.draft.update(row, column, datumOfPairs(column, mappings));
}

function aaMappings(session: Session, name: string): string {
  const [row] = session.draft.view.referred(findBridge(session, name).row, 'auto_attach');
  return row === undefined
    ? ''
    : [...row.map('mappings')].map(([isid, vlan]) => `${isid} ${vlan}`).join('\n');
}

/** Resets what a controller or an administrator may have confused: controllers, managers, mirrors, sampling, options (ovs-vsctl emer-reset). */
function emergencyReset(session: Session): undefined {
  const { draft } = session;
  const reset = (row: Row, name: string, datum?: Datum) => {
    const column = SCHEMA.get(row.table)!.columns.get(name)!;
    draft.update(draft.view.row(row.table, row.uuid)!, column, datum ?? defaultDatum(column));
  };
  for (const name of ['manager_options', 'ssl']) reset(rootRow(session), name);
  for (const row of draft.view.rows('Bridge')) {
    const hwaddr = row.option('other_config', 'hwaddr');
    for (const name of ['controller', 'fail_mode', 'mirrors', 'netflow', 'sflow', 'ipfix', 'flood_vlans'])
      reset(row, name);
    reset(row, 'other_config', new Map(hwaddr === undefined ? [] : [['hwaddr', hwaddr]]));
  }
  for (const row of draft.view.rows('Port')) reset(row, 'other_config');
  for (const row of draft.view.rows('Interface')) {
    for (const unit of ['', '_kpkts']) {
      for (const what of ['rate', 'burst']) reset(row, `ingress_policing${unit}_${what}`);
    }
  }
  for (const row of draft.view.rows('Flow_Sample_Collector_Set')) draft.delete(row);
}

const plain = (
  min: number,
  max: number,
  run: (session: Session, args: readonly string[]) => string | undefined,
): VsctlEntry => ({ min, max, options: [], run: (session, { args }) => run(session, args) });

/** Commands on what belongs to bridges and the switch as a whole (ovs-vsctl(8)). */
export const SETTING_COMMANDS: Readonly<Record<string, VsctlEntry>> = {
  init: plain(0, 0, () => undefined),
  'emer-reset': plain(0, 0, emergencyReset),
  'br-exists': plain(1, 1, (s, [name]) => void findBridge(s, name)),
  'br-to-vlan': plain(1, 1, (s, [name]) => String(findBridge(s, name).vlan ?? 0)),
  'br-to-parent': plain(1, 1, (s, [name]) => findBridge(s, name).row.text('name')),
  'br-set-external-id': plain(2, 3, setExternalId),
  'br-get-external-id': plain(1, 2, getExternalId),
  'port-to-br': plain(1, 1, (s, [name]) => {
    const port = s.requireRow(SCHEMA.get('Port')!, name);
    requireNotLocal(s, port, 'port', name);
    return ownerName(s, port);
  }),
  'iface-to-br': plain(1, 1, (s, [name]) => {
    const iface = s.requireRow(SCHEMA.get('Interface')!, name);
    const port = s.draft.view.rows('Port').find((row) => row.texts('interfaces').includes(iface.uuid))!;
    requireNotLocal(s, port, 'interface', name);
    return ownerName(s, port);
  }),
  'get-controller': plain(1, 1, (s, [name]) => targetsOf(s, findBridge(s, name).row, 'controller')),
  'set-controller': {
    min: 1,
    max: Infinity,
    options: ['inactivity-probe'],
    run: (s, { options, args }) => {
      const row = realBridge(s, args[0]);
      return setTargets(s, row, 'controller', args.slice(1), options.get('inactivity-probe'));
    },
  },
  'del-controller': plain(1, 1, (s, [name]) =>
    setTargets(s, realBridge(s, name), 'controller', [], undefined),
  ),
  'get-manager': plain(0, 0, (s) => targetsOf(s, rootRow(s), 'manager_options')),
  'set-manager': {
    min: 1,
    max: Infinity,
    options: ['inactivity-probe'],
    run: (s, { options, args }) =>
      setTargets(s, rootRow(s), 'manager_options', args, options.get('inactivity-probe')),
  },
  'del-manager': plain(0, 0, (s) => setTargets(s, rootRow(s), 'manager_options', [], undefined)),
  'get-fail-mode': plain(1, 1, (s, [name]) => findBridge(s, name).row.text('fail_mode')),
  'set-fail-mode': plain(2, 2, (s, [name, mode]) => setFailMode(s, name, mode)),
  'del-fail-mode': plain(1, 1, (s, [name]) => setFailMode(s, name, null)),
  'set-ssl': {
    min: 3,
    max: 3,
    options: ['bootstrap'],
    run: (s, { options, args }) => setSsl(s, args, options.has('bootstrap')),
  },
  'del-ssl': plain(0, 0, (s) => setSsl(s, [], false)),
  'add-aa-mapping': plain(3, 3, (s, args) => aaMapping(s, args, true)),
  'del-aa-mapping': plain(3, 3, (s, args) => aaMapping(s, args, false)),
  'get-aa-mapping': plain(1, 1, (s, [name]) => aaMappings(s, name)),
};

function requireNotLocal(session: Session, port: Row, what: string, name: string): void {
  if (!port.flag('fake_bridge') && session.named('Bridge', port.text('name')) === undefined) return;
  throw new SlowpathError(
    'ERR_CONFIG_RECORD',
    `there is no ${what} "${name}": it is the local one of a bridge`,
  );
}

/** The bridge that a port is on; a fake one, when it has the port's VLAN. */
function ownerName(session: Session, port: Row): string {
  const bridge = bridgeOfPort(session, port);
  const fake = session.draft.view
    .referred(bridge, 'ports')
    .find((row) => row.flag('fake_bridge') && row.number('tag') === port.number('tag'));
  return (port.flag('fake_bridge') ? bridge : (fake ?? bridge)).text('name');
}
