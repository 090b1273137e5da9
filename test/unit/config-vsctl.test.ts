import { expect } from 'chai';
import {
  applyChanges,
  type Configuration,
  diffConfigurations,
  emptyConfiguration,
  parseConfiguration,
  splitShellWords,
  unsupportedSettings,
  vsctl,
} from '../../ts/config/index.js';

const run = (text: string, base: Configuration = emptyConfiguration()) => vsctl(base, splitShellWords(text));

describe('config: ovs-vsctl words', () => {
  it('make bridges, ports and rows that refer to each other, in any order', () => {
    const { configuration } = run(
      'add-br br0 -- add-port br0 p1 tag=10 -- set Bridge br0 mirrors=@m -- --id=@p get Port p1 -- ' +
        '--id=@m create Mirror name=m0 select_all=true output_port=@p',
    );
    const bridge = configuration.named('Bridge', 'br0')!;
    expect(configuration.referred(bridge, 'ports').map((row) => row.text('name'))).to.have.members([
      'br0',
      'p1',
    ]);
    const [mirror] = configuration.referred(bridge, 'mirrors');
    expect(configuration.referred(mirror, 'output_port')[0].number('tag')).to.equal(10);
  });

  it('take sets, maps, keys and abbreviated names as ovs-vsctl does', () => {
    const { configuration, outputs } = run(
      'add-br br0 -- set bridge br0 other-config:hwaddr=aa:55:aa:55:00:00 proto=[OpenFlow10,OpenFlow13] -- ' +
        'set port br0 trunks=1,5-7 -- get bridge br0 other_config -- get port br0 trunks',
    );
    expect(outputs.slice(-2)).to.deep.equal(['{hwaddr="aa:55:aa:55:00:00"}', '[1, 5, 6, 7]']);
    expect(configuration.named('Bridge', 'br0')!.texts('protocols')).to.have.length(2);
  });

  it('refuse what the schema refuses, and say what is expected', () => {
    const refusal = (text: string) => {
      try {
        run(text);
      } catch (error) {
        return `${(error as { code: string }).code} ${(error as Error).message}`;
      }
      return 'accepted';
    };
    expect(refusal('add-br br0 -- set Brigde br0 fail_mode=secure')).to.match(
      /ERR_CONFIG_TABLE .*expected one of/,
    );
    expect(refusal('add-br br0 -- set Bridge br0 fail_mod3=secure')).to.match(
      /ERR_CONFIG_COLUMN .*expected one of/,
    );
    expect(refusal('add-br br0 -- set Port br0 tag=4096')).to.match(/ERR_CONFIG_VALUE .*0 to 4095/);
    expect(refusal('add-port br9 p1')).to.match(/ERR_CONFIG_RECORD .*add-br br9/);
    expect(refusal('add-br br0 -- set Bridge br0 sflow=@s')).to.match(/ERR_VSCTL .*never created/);
  });
});

describe('config: differences', () => {
  it('tell what changed, and lead from one to the other', () => {
    const before = run('add-br br0 -- add-port br0 p1 -- add-port br0 p2').configuration;
    const after = run('set port p1 tag=7 -- del-port p2 -- add-port br0 p3', before).configuration;
    const changes = diffConfigurations(before, after);
    const told = changes.map(({ type, table }) => `${type} ${table}`);
    expect(told).to.include.members(['changed Port', 'removed Port', 'added Port', 'changed Bridge']);
    expect(diffConfigurations(applyChanges(before, changes), after)).to.deep.equal([]);
  });

  it('of a file read twice are none', () => {
    const text = JSON.stringify({
      bridges: [
        {
          name: 'br0',
          ports: ['p1', { name: 'p2', tag: 3, type: 'internal' }],
          sflow: { targets: ['127.0.0.1'] },
        },
      ],
    });
    const [one, two] = [parseConfiguration(text), parseConfiguration(text)];
    expect(diffConfigurations(one, two)).to.deep.equal([]);
    expect(one.named('Interface', 'p2')!.text('type')).to.equal('internal');
    expect(() =>
      parseConfiguration('{"bridges":[{"name":"br0","ports":[{"name":"p1","tag":4097}]}]}'),
    ).to.throw(/^bridges\[0\]\.ports\[0\]\.tag: .*0 to 4095/);
  });
});

describe('config: settings without effect', () => {
  it('are told with table, row, column and what to do instead; defaults and notes are not', () => {
    const { configuration } = run(
      'add-br br0 -- add-port br0 p1 tag=4 external_ids:a=b -- set Bridge br0 stp_enable=true fail_mode=secure -- ' +
        'set Interface p1 mtu_request=9000 -- set Port p1 other_config:bond-primray=p1 other_config:priority-tags=always',
    );
    const told = unsupportedSettings(configuration);
    expect(told).to.have.length(3);
    expect(told[0]).to.match(/^table Bridge, row "br0": column stp_enable has no effect: /);
    expect(told[1]).to.match(
      /^table Port, row "p1": other_config:bond-primray is not acted upon; .*bond-primary/,
    );
    expect(told[2]).to.match(/^table Interface, row "p1": column mtu_request has no effect: .*ip-link/);
    expect(unsupportedSettings(run('add-br br0').configuration)).to.deep.equal([]);
  });
});
