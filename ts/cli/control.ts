import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { messageOf, SlowpathError } from '../errors/index.js';
import { EventStream } from './event-stream.js';
import { makeRunDirectory, unusable } from './rundir.js';

/** A request to a running switch and its answer, each one line of JSON. */
export interface ControlRequest {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}
type ControlAnswer = { readonly result: string } | { readonly error: string };

export type ControlMethods = Readonly<
  Record<string, (params: Readonly<Record<string, unknown>>) => string | Promise<string>>
>;

/** Requests that are answered with events until the client goes: each starts a stream and returns how to end it. */
export type ControlStreams = Readonly<
  Record<string, (stream: EventStream, params: Readonly<Record<string, unknown>>) => () => void>
>;

/** Longest request line; a longer one ends the connection. */
const MAX_LINE = 65_536;

/** Serves `methods` on a Unix socket that only its owner may open. */
export class ControlServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** Takes the place of a socket that nobody listens to any more. Errors: ERR_ALREADY_RUNNING, ERR_RUNDIR. */
  static async listen(
    path: string,
    methods: ControlMethods,
    streams: ControlStreams = {},
  ): Promise<ControlServer> {
    makeRunDirectory();
    await refuseIfServed(path);
    const control = new ControlServer(createServer(), path);
    control.#server.on('connection', (socket) => control.#serve(socket, methods, streams));
    const mask = process.umask(0o177);
    try {
      rmSync(path, { force: true });
      await new Promise<void>((resolve, reject) => {
        control.#server.once('error', reject);
        control.#server.listen(path, resolve);
      });
    } catch (cause) {
      throw unusable(cause);
    } finally {
      process.umask(mask);
    }
    chmodSync(path, 0o600);
    return control;
  }

  /** Stops listening and removes the socket. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#path, { force: true });
  }

  #serve(socket: Socket, methods: ControlMethods, streams: ControlStreams): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // A client that goes away in the middle is no concern of the switch's.
    socket.on('error', () => socket.destroy());
    let pending = '';
    let queue = Promise.resolve();
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      pending += text;
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > MAX_LINE) socket.destroy();
      for (const line of lines) {
        queue = queue.then(async () => {
          if (startStream(socket, line, streams)) return;
          socket.write(`${JSON.stringify(await answer(line, methods))}\n`);
        });
      }
    });
  }
}

/** Starts the stream that a request asks for, after an empty answer, or answers why it cannot. False when it asks for none. */
function startStream(socket: Socket, line: string, streams: ControlStreams): boolean {
  const request = requestOf(line);
  if (request === null || !Object.hasOwn(streams, request.method) || socket.destroyed) return false;
  try {
    // Nothing is told before this function returns.
    const end = streams[request.method](new EventStream(socket), request.params ?? {});
    socket.write(`${JSON.stringify({ result: '' })}\n`);
    socket.once('close', end);
  } catch (error) {
    socket.write(`${JSON.stringify({ error: messageOf(error) })}\n`);
    return true;
  }
  return true;
}

/** The request of a line; null when it is none. */
function requestOf(line: string): ControlRequest | null {
  try {
    const request = JSON.parse(line) as ControlRequest | null;
    return typeof request?.method === 'string' ? request : null;
  } catch {
    return null;
  }
}

async function answer(line: string, methods: ControlMethods): Promise<ControlAnswer> {
  try {
    const request = JSON.parse(line) as ControlRequest;
    if (!Object.hasOwn(methods, request.method))
      return { error: `unknown method ${JSON.stringify(request.method)}` };
    return { result: await methods[request.method](request.params ?? {}) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** Throws ERR_ALREADY_RUNNING when a switch answers on the socket. */
export async function refuseIfServed(path: string): Promise<void> {
  if (!(await isAlive(path))) return;
  throw new SlowpathError('ERR_ALREADY_RUNNING', `a switch answers on ${path} already: stop it first`);
}

async function isAlive(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Why a connection fails where no switch runs: no socket, or one that a process left that is gone. */
const NOBODY: readonly string[] = ['ENOENT', 'ECONNREFUSED'];

/** A connection to the socket; null when nobody listens there. */
async function connectTo(path: string): Promise<Socket | null> {
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== undefined && NOBODY.includes(code)) return null;
    const hint = code === 'EACCES' ? ': only who runs the switch, and root, may ask it' : '';
    throw new SlowpathError('ERR_CONTROL', `cannot ask at ${path}: ${code}${hint}`, { cause });
  }
  return socket;
}

/** Follows what the switch behind a socket tells, line for line until it ends; nothing at all when none listens there. */
export async function* follow(path: string, request: ControlRequest): AsyncGenerator<string> {
  const socket = await connectTo(path);
  if (socket === null) return;
  // A switch that ends is the end of what it tells.
  socket.on('error', () => socket.destroy());
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    yield* createInterface({ input: socket });
  } finally {
    socket.destroy();
  }
}

/** Asks the switch behind a socket; null when none listens there. Throws what the switch answers as an error. */
export async function ask(path: string, request: ControlRequest): Promise<string | null> {
  const socket = await connectTo(path);
  if (socket === null) return null;
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    socket.destroy();
    const reply = JSON.parse(line) as ControlAnswer;
    if ('error' in reply) throw new SlowpathError('ERR_CONTROL', reply.error);
    return reply.result;
  }
  throw new SlowpathError('ERR_CONTROL', `the switch on ${path} closed the connection without an answer`);
}
