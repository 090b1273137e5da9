import { fromHex } from '../util/index.js';

/** A request: a JSON object, of which `op` is known. Members that are not asked for are ignored. */
export type BatchRequest = Readonly<Record<string, unknown>>;

/** Answers one request; what it throws becomes the {"error": …} of that line. */
export type BatchHandler = (request: BatchRequest) => object;

/** The string that a request must have under `name`. */
export function textOf(request: BatchRequest, name: string): string {
  const value = request[name];
  if (typeof value !== 'string') throw new TypeError(`"${name}" must be a string`);
  return value;
}

/** The bytes that a request must have under `name`, in hexadecimal. */
export function bytesOf(request: BatchRequest, name: string): Uint8Array {
  const bytes = fromHex(textOf(request, name));
  if (bytes === null) throw new TypeError(`"${name}" must be pairs of hexadecimal digits`);
  return bytes;
}
