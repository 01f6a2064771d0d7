import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import errors from './en/errors.json';

// i18n.test.ts holds the languages together, so that English stands for all.
const root = resolve(import.meta.dirname, '../../..');
const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.go') && !file.endsWith('_test.go'))
    .map((file) => readFileSync(join(root, folder, file), 'utf8'));

test.each(['chat', 'crm', 'recording', 'smartactions'])('every refusal of %s has a sentence', (folder) => {
  const codes = sources(folder).flatMap((go) =>
    [...go.matchAll(/fault\.Newf?\(fault\.\w+,\s*"(\w+)"/g)].map((found) => found[1] ?? ''),
  );
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !(code in errors))).toEqual([]);
});
