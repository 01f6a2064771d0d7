import { expect, test } from 'vitest';
import { talkIn } from './talk';

const id = '01a2b3c4-d5e6-7f00-8000-00000000000a';

test.each([
  [`https://desk.example.com/supervisor?tab=history&call=${id}`, `call ${id}`],
  [`https://desk.example.com/supervisor?chat=${id}&tab=chats-connected`, `conversation ${id}`],
  [`https://desk.example.com/?part=inbox&view=all&c=${id}`, `conversation ${id}`],
  [`/supervisor?call=${id}#top`, `call ${id}`],
  [` ${id}\n`, `either ${id}`],
  [`https://desk.example.com/supervisor?agent=${id}`, undefined],
  [`https://desk.example.com/?c=${id}0`, undefined],
  [`${id} and more`, undefined],
  ['', undefined],
])('%s', (text, talk) => expect(talkIn(text)).toBe(talk));
