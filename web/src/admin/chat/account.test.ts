import { expect, test } from 'vitest';
import { Problem } from '../../api/problem';
import {
  type Account,
  changeOf,
  type Field,
  factText,
  hookOf,
  refusalOf,
  splitFields,
  stateOf,
  valuesOf,
} from './account';

const fields: Field[] = [
  { name: 'page_id', required: true },
  { name: 'access_token', secret: true, required: true },
  { name: 'base_url', default: 'https://graph.facebook.com' },
];
const account: Account = {
  id: '1',
  channel: 'messenger',
  name: 'shop',
  label: 'Shop',
  settings: { page_id: '7' },
  secrets_stored: ['access_token'],
  enabled: true,
  state: 'ok',
  state_at: '',
  detail: {},
  dead: 0,
  waiting: 0,
  created_at: '',
};

test('of an account only what was changed is sent, and no secret that nobody typed', () => {
  const values = valuesOf(account);
  expect(changeOf(values, account, fields)).toEqual({
    label: 'Shop',
    queue_id: '00000000-0000-0000-0000-000000000000',
  });
  expect(
    changeOf(
      { ...values, fields: { page_id: '', access_token: ' new ', base_url: 'https://x.test' } },
      account,
      fields,
    ),
  ).toMatchObject({
    settings: { page_id: '', base_url: 'https://x.test' },
    secrets: { access_token: 'new' },
  });
});

test('a new account has a name', () => {
  const values = { name: ' shop ', label: '', queue_id: 'q', fields: { page_id: '7' } };
  expect(changeOf(values, null, fields)).toEqual({
    name: 'shop',
    label: '',
    queue_id: 'q',
    settings: { page_id: '7' },
  });
});

test('addresses and versions are for few', () => {
  const { main, advanced } = splitFields(fields);
  expect(main.map((f) => f.name)).toEqual(['page_id', 'access_token']);
  expect(advanced.map((f) => f.name)).toEqual(['base_url']);
});

test('an account that is switched off is neither well nor ill', () => {
  expect(stateOf({ ...account, enabled: false, state: 'paused' })).toBe('off');
  expect(stateOf({ ...account, state: 'paused' })).toBe('paused');
});

test.each([
  ['{"level":"STANDARD"}', 'STANDARD'],
  ['{"a":1,"b":2}', '{"a":1,"b":2}'],
  ['{broken', '{broken'],
  ['GREEN', 'GREEN'],
])('the fact %s reads %s', (value, text) => expect(factText(value)).toBe(text));

test('the hook is where the server says, or where this page is', () => {
  expect(hookOf(account, 'https://here.test')).toBe('https://here.test/hooks/messenger/shop');
  expect(hookOf({ ...account, hook_url: 'https://cc.test/h' }, 'https://here.test')).toBe('https://cc.test/h');
});

test('the platform’s own words are taken out of the refusal', () => {
  const said = 'The platform could not be reached, or refused the account: (#190) token: expired';
  expect(refusalOf(new Problem(503, 'channel_check_failed', said))).toBe('(#190) token: expired');
  expect(refusalOf(new Problem(503, 'other', said))).toBeUndefined();
});
