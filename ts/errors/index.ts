/** Base of every error this package throws on purpose; `code` is stable, the message says what to do. */
export class SlowpathError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Bad input text (flow syntax, options). `line` and `column` count from 1. */
export class SyntaxProblem extends SlowpathError {
  readonly line: number;
  readonly column: number;
  constructor(message: string, line: number, column: number) {
    super('ERR_SYNTAX', message);
    this.line = line;
    this.column = column;
  }
}

/** Where a netlink failure came from: the system call itself, or the kernel's answer. The two never merge. */
export type NetlinkErrorSource = 'syscall' | 'kernel';

export interface NetlinkErrorDetails {
  readonly op: string;
  readonly code: string;
  readonly errno: number;
  readonly source: NetlinkErrorSource;
  readonly extAck?: { readonly message?: string; readonly offset?: number };
  readonly seq?: number;
  readonly family?: string;
  readonly cmd?: number;
  readonly cause?: unknown;
}

/** A failed netlink operation. */
export class NetlinkError extends SlowpathError {
  readonly op: string;
  readonly errno: number;
  readonly source: NetlinkErrorSource;
  readonly extAck: { readonly message?: string; readonly offset?: number } | undefined;
  readonly seq: number | undefined;
  readonly family: string | undefined;
  readonly cmd: number | undefined;

  constructor(details: NetlinkErrorDetails) {
    const where = details.source === 'syscall' ? 'system call failed' : 'the kernel refused';
    const hint = details.extAck?.message ? `: ${details.extAck.message}` : '';
    super(details.code, `${details.op}: ${details.code} (${where})${hint}`, { cause: details.cause });
    this.op = details.op;
    this.errno = details.errno;
    this.source = details.source;
    this.extAck = details.extAck;
    this.seq = details.seq;
    this.family = details.family;
    this.cmd = details.cmd;
  }
}

/** What a thrown value says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
