import { expect, test } from 'vitest';
import { embedCode, freeName, withText } from './widget';

test('the code for a site names the account', () =>
  expect(embedCode('https://cc.test', 'shop')).toBe(
    '<script async src="https://cc.test/widget.js?account=shop"></script>',
  ));

test('a new thing gets a name that is free', () => {
  expect(freeName('field', [])).toBe('field1');
  expect(freeName('field', ['field1', 'field3'])).toBe('field2');
});

test('an empty text is no text', () => {
  expect(withText({ en: 'a' }, 'zh', '你')).toEqual({ en: 'a', zh: '你' });
  expect(withText({ en: 'a', zh: '你' }, 'zh', '')).toEqual({ en: 'a' });
  expect(withText(undefined, 'en', '')).toEqual({});
});
