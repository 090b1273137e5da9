import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ControlServer, type EventStream, follow } from '../../ts/cli/index.js';
import { COMMANDS, commandHelp, Coverage, flowEventText } from '../../ts/control/index.js';
import type { FlowEvent } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';

describe('control: coverage', () => {
  const counters = [{ name: 'upcall_miss', help: 'Misses', total: 0 }];
  const rates = (coverage: Coverage) =>
    coverage
      .show()
      .split('\n')[1]
      .match(/[\d.]+(?=\/sec)/g)!
      .map(Number);

  it('tells rates of the last 5 seconds, minute and hour', () => {
    const coverage = new Coverage(() => counters);
    const pass = (looks: number, each: number) => {
      for (let i = 0; i < looks; i++) {
        counters[0].total += each;
        coverage.look();
      }
    };
    pass(1, 50);
    expect(rates(coverage)).to.deep.equal([10, 0.833, 0]);
    pass(11, 0);
    expect(rates(coverage)).to.deep.equal([0, 0.833, 0.0139]);
    pass(1, 0);
    expect(rates(coverage)).to.deep.equal([0, 0, 0.0139]);
    pass(12 * 60, 0);
    expect(rates(coverage)).to.deep.equal([0, 0, 0]);
    expect(coverage.total('upcall_miss')).to.equal(50);
    expect(() => coverage.total('nonesuch')).to.throw('No such counter');
  });

  it('says what each counter counts', () => {
    expect(new Coverage(() => counters).help()).to.match(/^upcall_miss +Misses$/);
  });
});

describe('control: commands', () => {
  it('have names of their own, arguments that fit their usage, and help', () => {
    expect(new Set(COMMANDS.map(({ name }) => name)).size).to.equal(COMMANDS.length);
    for (const { name, usage, help, least, most } of COMMANDS) {
      const words = usage.match(/\[[^\]]*\]|\S+/g) ?? [];
      expect(words.filter((word) => !word.startsWith('[')).length, name).to.equal(least);
      expect(words.length <= most, name).to.equal(true);
      expect(commandHelp()).to.contain(`  ${name}`).and.to.contain(help);
    }
  });
});

describe('control: flow events', () => {
  const event: FlowEvent = {
    event: 'deleted',
    ...{ time: 0, ufid: 'ufid:x', flow: 'recirc_id(0),in_port(1)', actions: '2' },
    ...{ packets: 3, bytes: 180, ageMs: 1500 },
    reason: 'idle',
  };
  let folder: string;
  let before: string | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slowpath-control-'));
    before = process.env.SLOWPATH_RUNDIR;
    process.env.SLOWPATH_RUNDIR = folder;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.SLOWPATH_RUNDIR;
    else process.env.SLOWPATH_RUNDIR = before;
    rmSync(folder, { recursive: true });
  });

  it('are told in one line', () => {
    expect(flowEventText(event)).to.equal(
      '1970-01-01T00:00:00.000Z deleted (idle) ufid:x, recirc_id(0),in_port(1), age:1.500s, packets:3, bytes:180, actions:2',
    );
  });

  it('reach who asked, until he goes', async () => {
    const streams: EventStream[] = [];
    let ended = 0;
    const path = join(folder, 'one.sock');
    const server = await ControlServer.listen(
      path,
      { ping: () => 'pong' },
      {
        events: (stream) => {
          streams.push(stream);
          return () => ended++;
        },
      },
    );
    try {
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      const lines = follow(path, { method: 'events' });
      expect((await lines.next()).value).to.equal('{"result":""}');
      streams[0].event(event);
      expect(JSON.parse((await lines.next()).value as string)).to.deep.equal({ event });
      expect((await follow(path, { method: 'ping' }).next()).value).to.equal('{"result":"pong"}');
      await lines.return(undefined);
      await eventually('the stream ends', () => ended === 1);
    } finally {
      await server.close();
    }
  });

  it('wait for a slow reader within bounds; what is too much is counted and told', async () => {
    const streams: EventStream[] = [];
    const path = join(folder, 'slow.sock');
    const server = await ControlServer.listen(
      path,
      {},
      {
        events: (stream) => {
          streams.push(stream);
          return () => {};
        },
      },
    );
    const socket = connect(path);
    try {
      socket.write('{"method":"events"}\n');
      await eventually('the stream begins', () => streams.length === 1);
      const [stream] = streams;
      let sent = 0;
      for (; !stream.full; sent++) {
        expect(sent).to.be.below(100_000);
        stream.event(event);
      }
      for (let i = 0; i < 7; i++) stream.dropped();
      let text = '';
      socket.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      await eventually('it is told', () => text.includes('dropped'));
      expect(text.match(/"event":\{/g)).to.have.length(sent);
      expect(text).to.match(/\n\{"dropped":7\}\n$/);
      expect(stream.full).to.equal(false);
    } finally {
      socket.destroy();
      await server.close();
    }
  });
});
