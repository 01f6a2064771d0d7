import { expect, test } from 'vitest';
import { fill, matching, wordAt } from './canned';
import type { CannedResponse } from './types';

const values = { customer: 'Rosa Lindqvist', agent: 'Ben Agent', queue: 'Support', channel: 'LINE', account: 'Shop' };

test.each([
  ['Hi {{customer.first_name}}, {{ agent.name }} here', 'Hi Rosa, Ben Agent here'],
  ['{{CUSTOMER.NAME}} {{queue}}', 'Rosa Lindqvist Support'],
  ['{{order.number}} stays', '{{order.number}} stays'],
])('%s', (text, filled) => expect(fill(text, values)).toBe(filled));

test.each<[string, number, '/' | '@', string | undefined]>([
  ['/tha', 4, '/', 'tha'],
  ['well /tha', 9, '/', 'tha'],
  ['/', 1, '/', ''],
  ['and/or', 6, '/', undefined],
  ['/two words', 10, '/', undefined],
  ['hi @an', 6, '@', 'an'],
  ['a@b', 3, '@', undefined],
  ['none', 4, '/', undefined],
])('%s at %i', (text, caret, sign, word) => expect(wordAt(text, caret, sign)?.word).toBe(word));

const response = (shortcut: string, more: Partial<CannedResponse> = {}): CannedResponse => ({
  id: shortcut,
  shortcut,
  title: '',
  language: '',
  text: '',
  updated_at: '',
  ...more,
});

test('what begins so comes first, in the language of the customer, of this queue', () => {
  const all = [
    response('othanks'),
    response('thanks', { language: 'en' }),
    response('thanks-zh', { language: 'zh' }),
    response('thx', { title: 'Many thanks' }),
    response('thankyou', { queue_id: 'other' }),
  ];
  expect(matching(all, 'thanks', 'zh-CN', 'q').map((r) => r.shortcut)).toEqual([
    'thanks-zh',
    'thanks',
    'othanks',
    'thx',
  ]);
});
