import type { AppConfig } from './apps.ts';
import type { OptionValue } from './option.ts';
import type { OptionTable } from './options.ts';

type SectionName = keyof OptionTable extends infer Key ? (Key extends `${infer Name}.${string}` ? Name : never) : never;

type Section<Name extends string> = {
  readonly [Key in keyof OptionTable as Key extends `${Name}.${infer Rest}` ? Rest : never]: OptionValue<
    OptionTable[Key]
  >;
};

/** All options by section: `config.gate.port`. */
export type ConfigSections = { readonly [Name in SectionName]: Section<Name> };

/** The whole configuration, checked and frozen. */
export interface Config extends ConfigSections {
  /** Which limits hold; `auto` is decided. */
  readonly profile: 'internet' | 'trusted';
  readonly apps: readonly AppConfig[];
  /** Nothing is configured: the app `demo` exists with a key that everybody knows. */
  readonly developmentMode: boolean;
  /** The file that was read, if any. */
  readonly file: string | undefined;
}
