import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { messageOf, SlowpathError } from '../errors/index.js';
import type { Switch } from '../switch/index.js';
import { switchMetrics } from './metrics.js';

/** Where metrics are served. */
export interface MetricsOptions {
  /** Address to listen on. Default 127.0.0.1: the figures are for this host unless somebody says otherwise. */
  readonly host?: string;
  /** TCP port; 0: any free one. */
  readonly port: number;
}

/** Serves the metrics of a switch over HTTP at /metrics, in the text format of Prometheus. Holds a socket: close it. */
export class MetricsServer {
  readonly #server: Server;
  readonly #registry: Registry;

  /** Starts to serve. Throws ERR_METRICS_LISTEN when the address cannot be had. */
  static async listen(theSwitch: Switch, options: MetricsOptions): Promise<MetricsServer> {
    const server = new MetricsServer(switchMetrics(theSwitch));
    await server.#listen(options.host ?? '127.0.0.1', options.port);
    return server;
  }

  private constructor(registry: Registry) {
    this.#registry = registry;
    this.#server = createServer((request, response) => {
      void this.#answer(request.method ?? '', request.url ?? '', response);
    });
    // It is the switch that keeps a process alive.
    this.#server.unref();
  }

  /** Where it listens, as in `http://127.0.0.1:9273/metrics`. */
  get url(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`;
  }

  /** Stops serving; requests under way are ended. Idempotent. */
  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(
          new SlowpathError(
            'ERR_METRICS_LISTEN',
            `cannot serve metrics on ${host}:${port}: ${messageOf(cause)}`,
            { cause },
          ),
        );
      });
      this.#server.listen({ host, port }, resolve);
    });
  }

  async #answer(method: string, url: string, response: ServerResponse): Promise<void> {
    if (new URL(url, 'http://host').pathname !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      try {
        const text = await this.#registry.metrics();
        response
          .writeHead(200, { 'content-type': this.#registry.contentType })
          .end(method === 'HEAD' ? '' : text);
      } catch (error) {
        // The datapath may be gone for now; whoever asks is told, and asks again.
        response.writeHead(503, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`);
      }
    }
  }
}

/** `PORT`, `ADDRESS:PORT` or `[IPv6]:PORT`. Throws ERR_METRICS_ADDRESS. */
export function parseMetricsAddress(text: string): MetricsOptions {
  const [, v6, v4, digits] = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 0xffff)
    throw new SlowpathError(
      'ERR_METRICS_ADDRESS',
      `metrics address ${text}: give PORT, ADDRESS:PORT or [IPv6]:PORT`,
    );
  const host = v6 ?? v4;
  return host === undefined ? { port } : { host, port };
}
