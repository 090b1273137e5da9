import { expect } from 'chai';
import fc from 'fast-check';
import {
  applyChanges,
  type Configuration,
  diffConfigurations,
  emptyConfiguration,
  equalData,
  type Row,
  vsctl,
} from '../../ts/config/index.js';
import { configurations, describeModel, makeModel } from '../support/configurations.js';

function rowsBelow(configuration: Configuration, port: Row): Row[] {
  return [port, ...configuration.referred(port, 'interfaces'), ...configuration.referred(port, 'qos')];
}

function samePort(before: Configuration, after: Configuration, name: string): boolean {
  const [old, next] = [before.named('Port', name), after.named('Port', name)];
  if (old === undefined || next === undefined) return false;
  const [a, b] = [rowsBelow(before, old), rowsBelow(after, next)];
  return (
    a.length === b.length &&
    a.every((row, i) => [...row.columns].every(([column, datum]) => equalData(datum, b[i].get(column))))
  );
}

function plainSets(_: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value;
}

describe('config: changes by difference', () => {
  it('a difference leads from one configuration to the other, and from one to itself there is none', () => {
    fc.assert(
      fc.property(configurations, configurations, (a, b) => {
        expect(diffConfigurations(a, a)).to.deep.equal([]);
        expect(diffConfigurations(applyChanges(a, diffConfigurations(a, b)), b)).to.deep.equal([]);
        const reached = applyChanges(a, diffConfigurations(a, b));
        for (const [name, rows] of b.tables) {
          expect([...reached.tables.get(name)!.keys()].sort()).to.deep.equal([...rows.keys()].sort());
        }
      }),
    );
  });

  it('a switch that was A and is made B is as one that was B from the beginning', () => {
    fc.assert(
      fc.property(configurations, configurations, (a, b) => {
        const [changed, fresh] = [makeModel(), makeModel()];
        changed.configurator.takeOver(a);
        changed.configurator.takeOver(b);
        fresh.configurator.takeOver(b);
        const [one, other] = [changed, fresh].map(({ model }) =>
          JSON.stringify(describeModel(model, b), plainSets),
        );
        expect(one).to.equal(other);
        expect([...changed.configurator.failed.keys()].sort()).to.deep.equal(
          [...fresh.configurator.failed.keys()].sort(),
        );
        expect(
          changed.datapath
            .ports()
            .map((port) => port.name)
            .sort(),
        ).to.deep.equal(
          fresh.datapath
            .ports()
            .map((port) => port.name)
            .sort(),
        );
      }),
    );
  });

  it('a port gets the number that it asks for when another gives it back', () => {
    const words = (text: string, from = emptyConfiguration()) => vsctl(from, text.split(' ')).configuration;
    const both = words(
      'add-br br0 -- add-port br0 p1 -- set Interface p1 ofport_request=1 -- add-port br0 p3 -- set Interface p3 ofport_request=1',
    );
    const { model, configurator } = makeModel();
    configurator.takeOver(both);
    const number = () => model.bridges.get('br0')!.portByName('p3')!.ofport;
    expect(number()).to.equal(2);
    configurator.takeOver(words('del-port p1', both));
    expect(number()).to.equal(1);
  });

  it('what is equal in both is not touched: objects, datapath ports, OpenFlow numbers, addresses', () => {
    let looked = 0;
    fc.assert(
      fc.property(configurations, configurations, (a, b) => {
        const rig = makeModel();
        rig.configurator.takeOver(a);
        const before = new Map(
          [...rig.model.bridges.values()].map((bridge) => [bridge, [...bridge.bundles]]),
        );
        const ports = new Set(rig.model.portsByOdp);
        const numbers = new Map(
          [...before.values()].flat().map((bundle) => [bundle, bundle.ports.map(({ ofport }) => ofport)]),
        );
        rig.datapath.log.length = 0;
        rig.configurator.takeOver(b);
        const log = rig.datapath.log.splice(0);
        const requested = new Set(b.rows('Interface').map((row) => row.number('ofport_request')));
        for (const [bridge, bundles] of before) {
          expect(rig.model.bridges.get(bridge.name)).to.equal(bridge);
          for (const bundle of bundles) {
            const owner = (c: Configuration) =>
              c
                .rows('Bridge')
                .find((row) => c.referred(row, 'ports').some((port) => port.text('name') === bundle.name));
            if (!samePort(a, b, bundle.name) || owner(a)?.uuid !== owner(b)?.uuid) continue;
            // A number may have been asked for by another.
            if (numbers.get(bundle)!.some((ofport) => requested.has(ofport))) continue;
            looked++;
            expect(bridge.bundles, bundle.name).to.include(bundle);
            for (const port of bundle.ports) {
              if (port.type === '' || port.type === 'internal') {
                expect(log).to.not.include(`+${port.name}`);
                expect(log).to.not.include(`-${port.name}`);
                expect(rig.model.portsByOdp[port.odpPort]).to.equal(port);
                expect(ports.has(port)).to.equal(true);
              }
              expect(bridge.portByName(port.name)).to.equal(port);
            }
          }
        }
      }),
    );
    expect(looked).to.be.above(100);
  });

  it('an interface whose device appears joins, and nothing else changes', () => {
    fc.assert(
      fc.property(configurations, (a) => {
        const rig = makeModel();
        rig.configurator.takeOver(a);
        const waiting = rig.configurator.failed.get('p5')?.code === 'ERR_NO_INTERFACE';
        rig.datapath.log.length = 0;
        rig.datapath.appear('p5');
        rig.configurator.retry();
        expect(rig.datapath.log).to.deep.equal(waiting ? ['+p5'] : []);
        expect([...rig.model.bridges.values()].some((bridge) => bridge.portByName('p5'))).to.equal(
          a.named('Interface', 'p5') !== undefined && !rig.configurator.failed.has('p5'),
        );
      }),
    );
  });
});
