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

const codesOf = (folder: string, by: RegExp): string[] =>
  sources(folder).flatMap((go) => [...go.matchAll(by)].map((found) => found[1] ?? ''));
const missing = (codes: string[]): string[] => codes.filter((code) => !(code in errors));

test.each(['chat', 'crm', 'recording', 'smartactions'])('every refusal of %s has a sentence', (folder) => {
  const codes = codesOf(folder, /fault\.Newf?\(fault\.\w+,\s*"(\w+)"/g);
  expect(codes.length).toBeGreaterThan(10);
  expect(missing(codes)).toEqual([]);
});

// Those that name a value (Newf) are shown as the server words them.
const unseen = [
  'leg_ended',
  'rtp_ports',
  'sip_stopping',
  'unknown_list',
  'tenant_not_found',
  'tenant_taken',
  'time_zone',
];

test.each([
  'analytics',
  'calls',
  'crmsync',
  'internal/auth',
  'media/sound',
  'mediastream',
  'notify',
  'queues',
  'signaling',
  'sip',
  'webhooks',
])('every plain refusal of %s has a sentence', (folder) => {
  const codes = codesOf(folder, /fault\.New\(fault\.\w+,\s*"(\w+)"/g);
  expect(codes.length).toBeGreaterThan(0);
  expect(missing(codes.filter((code) => !unseen.includes(code)))).toEqual([]);
});
