import { SlowpathError } from '../errors/index.js';
import type { MatchField } from '../openflow/index.js';
import type { Cursor } from './cursor.js';
import { BigField, fieldSource } from './fields.js';
import type { PortNames } from './in-port.js';

/** A Geneve option that the bridge knows by number. */
export class TunnelOptionField extends BigField {
  /** What the bridge's table of options makes of the number. */
  readonly option: MatchField;
  readonly #at: number;
  readonly #bit: number;

  constructor(cursor: Cursor, name: string, option: MatchField) {
    super(cursor, fieldSource(name, option, 'none'));
    this.option = option;
    this.#at = option.presence!.word;
    this.#bit = option.presence!.mask;
  }

  /** Whether the packet came with the option. */
  override get present(): boolean {
    const { cursor } = this;
    cursor.mark(this.#at, this.#bit);
    return (cursor.flow[this.#at] & this.#bit) !== 0;
  }
}

/** The options of a packet's tunnel by number, as `Switch.setTlvMap` gives them. */
export class TunnelOptions {
  readonly #cursor: Cursor;
  readonly #ports: PortNames;
  readonly #known: TunnelOptionField[] = [];
  #version = 0;

  constructor(cursor: Cursor, ports: PortNames) {
    this.#cursor = cursor;
    this.#ports = ports;
  }

  /** Throws ERR_POLICY_VALUE when the bridge has no option of that number. */
  get(index: number): TunnelOptionField {
    const { tlvMap } = this.#ports;
    const version = tlvMap?.version ?? 0;
    if (version !== this.#version) {
      this.#known.length = 0;
      this.#version = version;
    }
    this.#known[index] ??= this.#make(index);
    return this.#known[index];
  }

  #make(index: number): TunnelOptionField {
    const option = this.#ports.tlvMap?.field(`tun_metadata${index}`);
    if (option === undefined)
      throw new SlowpathError(
        'ERR_POLICY_VALUE',
        `tunMetadata(${index}): the bridge maps no option to that number (setTlvMap)`,
      );
    return new TunnelOptionField(this.#cursor, `tunMetadata(${index})`, option);
  }
}
