/** What is generated equals its source, and what names a requirement, a code or a range names one that exists. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { API_ERROR_STATUS } from '../src/api/api-error.ts';
import { generateCode, loadSpecification } from '../tools/generate-protocol.ts';
import { generateTables, requirementsOf, SPECIFICATION_PAGE } from '../tools/generate-protocol-tables.ts';
import { generateVectors } from '../tools/generate-vectors.ts';
import { readRepositoryFile, repositoryPath } from '../tools/generated-file.ts';

const spec = loadSpecification();
const page = readRepositoryFile(SPECIFICATION_PAGE);
const requirementIds = requirementsOf(page).map((requirement) => requirement.id);

const unique = (values: readonly unknown[], what: string): void =>
  assert.deepEqual(
    values.filter((value, index) => values.indexOf(value) !== index),
    [],
    `${what} twice`,
  );

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesUnder(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

describe('generated files equal their source', () => {
  for (const [path, text] of Object.entries({ ...generateCode(spec), ...generateVectors() }))
    it(path, () => {
      assert.equal(readRepositoryFile(path), text, 'run npm run generate');
    });

  it(SPECIFICATION_PAGE, () => {
    assert.equal(generateTables(page), page, 'run npm run generate');
  });
});

describe('protocol.json', () => {
  it('gives each name and code once', () => {
    for (const list of [spec.commands, spec.closeReasons, spec.errorCodes]) {
      unique(
        list.map((item) => item.code),
        'code',
      );
      unique(
        list.map((item) => item.name),
        'name',
      );
    }
    for (const { name, values } of spec.enumerations)
      unique(
        values.map((item) => item.value),
        name,
      );
    for (const { name, fields } of spec.commands)
      unique(
        fields.map((field) => field.name),
        name,
      );
  });

  it('puts each close reason into one range', () => {
    for (const { name, code } of spec.closeReasons) {
      const ranges = spec.closeRanges.filter((range) => code >= range.first && code <= range.last);
      assert.equal(ranges.length, 1, name);
    }
  });

  it('puts each command into the range of its direction', () => {
    for (const { name, code, direction } of spec.commands) {
      const [range, ...more] = spec.ranges.filter((item) => code >= item.first && code <= item.last);
      assert.equal(more.length, 0);
      assert.equal(range?.name === 'SERVER', direction === 'server', name);
      if (range?.name === 'TARGET')
        assert.equal(spec.commands.find((item) => item.code === code)?.fields[0]?.name, 'target', name);
    }
  });

  it('covers all 256 commands with its ranges, without overlap', () => {
    const sorted = [...spec.ranges].sort((a, b) => a.first - b.first);
    let next = 0;
    for (const range of sorted) {
      assert.equal(range.first, next);
      next = range.last + 1;
    }
    assert.equal(next, 256);
  });

  it('keeps retryable error codes below 100', () => {
    for (const { name, code, retry } of spec.errorCodes) assert.equal(code < 100, retry, name);
  });

  it('names limits and replies that exist', () => {
    for (const { fields, reply } of spec.commands) {
      if (typeof reply === 'string')
        assert.ok(
          spec.commands.some((command) => command.name === reply),
          reply,
        );
      for (const { max } of fields)
        if (max !== undefined)
          assert.ok(
            spec.limits.some((limit) => limit.name === max),
            max,
          );
    }
  });
});

describe('the specification', () => {
  it('gives each requirement id once', () => {
    assert.ok(requirementIds.length > 80);
    unique(requirementIds, 'requirement');
  });

  it('writes every requirement where the tool finds it', () => {
    const marked = [...page.matchAll(/\*\*\[(S-[A-Z]+-\d+)\]\*\*/g)].map(([, id]) => id);
    assert.deepEqual(marked, requirementIds);
  });

  it('describes every command under the same four headings', () => {
    for (const { name } of spec.commands) {
      const [, section = ''] = page.split(`\n### ${name}\n`);
      const headings = [...(section.split('\n### ')[0] ?? '').matchAll(/^#### (.+)$/gm)].map(([, heading]) => heading);
      assert.deepEqual(headings, ['Purpose', 'Fields', 'Rules', 'Example'], name);
    }
  });

  it('names close reasons, error codes and commands that exist', () => {
    const names = new Set([
      ...spec.closeReasons.map((item) => item.name),
      ...spec.errorCodes.map((item) => item.name),
      ...Object.keys(API_ERROR_STATUS),
      ...spec.commands.map((item) => item.name),
      ...spec.limits.map((item) => item.name),
      ...[...spec.ranges, ...spec.closeRanges, ...spec.capabilities].map((item) => item.name),
      ...spec.enumerations.flatMap((item) => item.values.map((value) => value.name)),
    ]);
    for (const [, name = ''] of page.matchAll(/`([A-Z][A-Z_]{3,})`/g)) assert.ok(names.has(name), name);
  });

  it('holds every requirement that the vectors show', () => {
    for (const text of Object.values(generateVectors()))
      for (const [id] of text.matchAll(/S-[A-Z]+-\d+/g)) assert.ok(requirementIds.includes(id), id);
  });

  it('holds every requirement that code and tests cite', () => {
    for (const path of ['src', 'test'].flatMap((folder) => filesUnder(repositoryPath(folder))))
      for (const [, id = ''] of readFileSync(path, 'utf8').matchAll(/\[(S-[A-Z]+-\d+)\]/g))
        assert.ok(requirementIds.includes(id), `${path} cites ${id}`);
  });
});
