/** What the README says is so: its tests and files exist, its commands work, its example compiles. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { repositoryPath } from '../tools/generated-file.ts';
import { type System, startSystem } from './support/system.ts';

const PROGRAM = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const README = readFileSync(repositoryPath('README.md'), 'utf8');
const PROMISES = 12;

/** From a heading to the next one of its level. */
function section(title: string): string {
  const start = README.indexOf(`## ${title}\n`);
  assert.ok(start >= 0, `the README has no section ${title}`);
  const end = README.indexOf('\n## ', start);
  return README.slice(start, end < 0 ? undefined : end);
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) =>
    String(match[1]),
  );
}

describe('the promises', () => {
  const rows = section('What is promised')
    .split('\n')
    .filter((line) => /^\| G\d+ \|/.test(line));

  it('are all there', () => {
    const names = rows.map((row) => /^\| (G\d+) \|/.exec(row)?.[1]);
    assert.deepEqual(
      names,
      Array.from({ length: PROMISES }, (_, index) => `G${index + 1}`),
    );
  });

  for (const row of rows) {
    it(`${row.slice(2, 6).replace('|', '').trim()} names tests that exist`, () => {
      const proofs = [...row.matchAll(/`(test\/[^`]+)` “([^”]+)”/g)];
      assert.ok(proofs.length > 0, row);
      for (const [, file, title] of proofs) {
        const text = readFileSync(repositoryPath(String(file)), 'utf8').replaceAll("\\'", "'");
        assert.ok(text.includes(String(title)), `${file} has no test “${title}”`);
      }
    });
  }
});

it('the map names files that exist', () => {
  const paths = [...section('Where the ideas are').matchAll(/\| `([^`]+)` \|/g)].map((match) => String(match[1]));
  assert.ok(paths.length > 10);
  for (const path of paths) assert.ok(existsSync(repositoryPath(path)), `${path} does not exist`);
});

describe('the commands of the first minute', () => {
  const [, commands = ''] = blocks(section('Run it in 60 seconds'), 'sh');
  let system: System;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
    // Found before the machine's own: it runs what is tested here.
    writeFileSync(join(folder, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
    chmodSync(join(folder, 'npx'), 0o755);
    system = await startSystem();
  });

  after(async () => {
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** In a shell, as it stands there, but for the ports. Its input ends when it has said `last`. */
  async function run(command: string, input = '', last = /(?:)/): Promise<{ code: number; output: string }> {
    const child = spawn('sh', ['-c', command.replaceAll('127.0.0.1:7480', `127.0.0.1:${system.httpPort}`)], {
      cwd: folder,
      env: { PATH: `${folder}${delimiter}/usr/local/bin:/usr/bin:/bin`, SLUICE_GATE_PORT: String(system.gatePort) },
    });
    let output = '';
    const endInput = (): void => {
      if (last.test(output) && !child.stdin.writableEnded) child.stdin.end();
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => {
        output += String(bytes);
        endInput();
      });
    }
    child.stdin.write(input);
    endInput();
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }

  it('do what they say', async () => {
    const [send, listen, chat, push, ...others] = commands.replaceAll('\\\n', ' ').trim().split('\n');
    assert.deepEqual(others, []);
    const sent = await run(String(send));
    assert.equal(sent.code, 0, sent.output);
    const listened = await run(String(listen));
    assert.equal(listened.code, 0, listened.output);
    assert.match(listened.output, /alice.*hi/);
    const pushed = await run(String(push));
    assert.match(pushed.output, /"status":"stored"/);
    const chatted = await run(String(chat), 'hello\n', /from the business/);
    assert.equal(chatted.code, 0, chatted.output);
    assert.match(chatted.output, /You are bob, talking to alice/);
    assert.doesNotMatch(chatted.output, /not sent/);
  });
});

describe('the examples in TypeScript compile', () => {
  const examples: [file: string, declarations: string][] = [
    ['README.md', ''],
    [
      'docs/client.md',
      'declare function fetchTokenFromMyBackend(): Promise<string>;\ndeclare function saveInMyDatabase(message: unknown): Promise<void>;\n',
    ],
  ];
  for (const [file, declarations] of examples) {
    it(file, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-example-'));
      try {
        const [example = ''] = blocks(readFileSync(repositoryPath(file), 'utf8'), 'ts');
        assert.match(example, /sluice\/client/);
        writeFileSync(join(folder, 'example.ts'), declarations + example);
        writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
        const config = {
          extends: resolve(repositoryPath('tsconfig.json')),
          compilerOptions: {
            noEmit: true,
            incremental: false,
            rootDir: '/',
            typeRoots: [resolve(repositoryPath('node_modules/@types'))],
            paths: { 'sluice/client': [resolve(repositoryPath('src/client/index.ts'))] },
          },
          include: ['example.ts'],
        };
        writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
        const compiler = repositoryPath('node_modules/.bin/tsc');
        const child = spawn(compiler, ['-p', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
        let output = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += String(bytes)));
        const [code] = (await once(child, 'close')) as [number];
        assert.equal(code, 0, output);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
