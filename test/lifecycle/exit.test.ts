import { expect } from 'chai';

import { nodeScript } from '../support/processes.js';

describe('a process that ends with sockets open', () => {
  const start = (way: string) => nodeScript('out/test/lifecycle/children/exit.js', [way]);

  it('ends by itself when nothing polls', async () => {
    expect(await start('idle').exit).to.include({ code: 0, signal: null, stderr: '' });
  });

  it('ends by process.exit while polling', async () => {
    expect(await start('exit').exit).to.include({ code: 0, signal: null, stderr: '' });
  });

  it('ends by an exception while polling', async () => {
    const { code, signal, stderr } = await start('throw').exit;
    expect({ code, signal }).to.deep.equal({ code: 1, signal: null });
    expect(stderr).to.include('on purpose');
  });

  it('ends by itself when polling stops', async () => {
    expect(await start('stopped').exit).to.include({ code: 0, signal: null, stderr: '' });
  });

  it('ends by itself when the embedded datapath is closed under a polling channel', async () => {
    expect(await start('closed').exit).to.include({ code: 0, signal: null, stderr: '' });
  });

  it('keeps running while it polls, and ends by SIGTERM', async () => {
    const child = start('signal');
    await child.waitFor(/ready/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(child.process.exitCode).to.equal(null);
    expect(await child.stop()).to.include({ code: null, signal: 'SIGTERM', stderr: '' });
  });
});
