/** One row of the option table: everything that is known about a configuration key. */
export interface Option {
  readonly kind: OptionKind;
  /** The value when nothing is configured (in the `internet` profile, where `trusted` differs). */
  readonly default: number | string | boolean;
  /** The value when nothing is configured in the `trusted` profile. */
  readonly trusted?: number;
  /** Bounds of an integer; both are allowed values. For text and secrets: `min` is the least length in bytes. */
  readonly min?: number;
  readonly max?: number;
  /** What 0 means, where it does not mean nothing; 0 is then allowed beside `min` … `max`. */
  readonly zero?: string;
  readonly unit?: string;
  readonly choices?: readonly string[];
  /** One sentence. */
  readonly description: string;
  /** What goes wrong without the limit. */
  readonly protects?: string;
}

/**
 * `cidrs`: comma-separated address blocks; `addresses`: comma-separated `host:port` or paths of sockets; `identifiers`:
 * comma-separated ids. `text` and `path` may be empty, and a `host` whose default is; `secret` is never printed.
 */
export type OptionKind =
  | 'integer'
  | 'flag'
  | 'choice'
  | 'text'
  | 'path'
  | 'host'
  | 'secret'
  | 'cidrs'
  | 'addresses'
  | 'identifiers';

/** The type of an option's value, from its row. */
export type OptionValue<O> = O extends { kind: 'integer' }
  ? number
  : O extends { kind: 'flag' }
    ? boolean
    : O extends { kind: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice
      : O extends { kind: 'cidrs' | 'addresses' | 'identifiers' }
        ? readonly string[]
        : string;
