/** Writes `docs/configuration.md` from the option table. Run it after a change of the table. */
import { writeFileSync } from 'node:fs';
import { documentOptions } from '../src/config/document-options.ts';

writeFileSync('docs/configuration.md', documentOptions());
