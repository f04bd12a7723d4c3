/** The entry of the `sluice` command. */
import { runCli } from './program.ts';

const code = await runCli(process.argv.slice(2));
// What a command leaves behind (a socket that closes, a timer) must not keep its user waiting.
process.exit(code);
