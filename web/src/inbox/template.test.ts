import { expect, test } from 'vitest';
import { headerFile, partOf, previewOf, variablesOf } from './template';
import type { Template } from './types';

const template: Template = {
  id: '1',
  name: 'order',
  language: 'en',
  category: 'UTILITY',
  status: 'APPROVED',
  named: false,
  components: [
    { type: 'HEADER', format: 'TEXT', text: 'Order {{1}}', variables: ['header.1'], examples: ['A-17'] },
    { type: 'BODY', text: 'Hi {{1}}, it comes {{ 2 }}.', variables: ['body.1', 'body.2'], examples: ['Rosa', 'today'] },
    { type: 'FOOTER', text: 'Shop' },
    {
      type: 'BUTTONS',
      buttons: [{ type: 'URL', text: 'Track', url: 'https://a.test/{{1}}', variables: ['button.0.1'] }],
    },
  ],
};

test.each([
  ['body.1', { part: 'body', n: 1, name: '1' }],
  ['header.order', { part: 'header', n: 1, name: 'order' }],
  ['button.1.1', { part: 'button', n: 2, name: '1' }],
  ['card.0.body.1', { part: '', n: 0, name: 'card.0.body.1' }],
])('%s is called', (key, want) => expect(partOf(key)).toEqual(want));

test('what a template asks for, and what the customer reads', () => {
  expect(variablesOf(template)).toEqual([
    { key: 'header.1', example: 'A-17' },
    { key: 'body.1', example: 'Rosa' },
    { key: 'body.2', example: 'today' },
    { key: 'button.0.1', example: '' },
  ]);
  expect(previewOf(template, { 'header.1': 'B-2', 'body.1': ' Ada ' })).toBe(
    'Order B-2\n\nHi Ada, it comes [2].\n\nShop',
  );
});

test.each([
  ['IMAGE', 'image'],
  ['DOCUMENT', 'file'],
  ['VIDEO', 'video'],
  ['TEXT', undefined],
])('a header %s wants %s', (format, kind) => {
  expect(headerFile({ ...template, components: [{ type: 'HEADER', format }] })).toBe(kind);
});
