import { describe, expect, test } from 'vitest';
import {
  backoff,
  colleagues,
  consultable,
  type Effect,
  initialPhone,
  type PhoneEvent,
  type PhoneState,
  step,
  supervises,
  transferable,
} from './machine';
import type { CallView, Offer, SupervisionView } from './protocol';

const offer: Offer = { offer: 'o1', card: { caller: '+4930123456', queue_path: ['Support'] } };
const call = (state: CallView['state'], more: Partial<CallView> = {}): CallView => ({
  id: 'c1',
  state,
  card: offer.card,
  ...more,
});
const frame = (type: string, data: unknown, seq?: number): PhoneEvent => ({
  type: 'frame',
  frame: { v: 1, type, data, seq },
});

function run(events: PhoneEvent[], from: PhoneState = initialPhone): { state: PhoneState; effects: Effect[] } {
  let state = from;
  const effects: Effect[] = [];
  for (const event of events) {
    const [next, more] = step(state, event);
    state = next;
    effects.push(...more);
  }
  return { state, effects };
}

const online = run([
  { type: 'start' },
  { type: 'opened' },
  frame('welcome', { session: 's1', resume: 'r1', agent: { presence: 'AVAILABLE', state: 'IDLE' }, call: null }),
]).state;
const ringing = run([frame('offer', offer, 1)], online).state;
const talking = run([frame('call', call('talking'), 2)], ringing).state;
const sent = (effects: Effect[]) => effects.flatMap((e) => (e.do === 'send' ? [e.type] : []));

describe('link', () => {
  test('start opens, opened says hello, welcome is online', () => {
    const { state, effects } = run([{ type: 'start' }, { type: 'opened' }]);
    expect(state.link).toBe('connecting');
    expect(effects).toEqual([{ do: 'open' }, { do: 'hello' }]);
    expect(online).toMatchObject({ link: 'online', session: 's1', resume: 'r1', agent: { presence: 'AVAILABLE' } });
  });

  test.each([
    [1, 250],
    [2, 500],
    [3, 1000],
    [6, 8000],
    [7, 10_000],
    [50, 10_000],
  ])('try %i waits %i ms', (attempt, ms) => expect(backoff(attempt)).toBe(ms));

  test('a lost link keeps the call, drops the offer and tries again', () => {
    const lostInCall = run([{ type: 'closed' }], talking);
    expect(lostInCall.state).toMatchObject({ link: 'reconnecting', attempt: 1, call: { id: 'c1' } });
    expect(lostInCall.effects).toContainEqual({ do: 'retryIn', ms: 250 });
    const lostRinging = run([{ type: 'closed' }], ringing);
    expect(lostRinging.state.offer).toBeNull();
    expect(lostRinging.effects).toContainEqual({ do: 'silence' });
  });

  test('a refused link is not tried again, but may be started', () => {
    const refused = run([{ type: 'closed', refused: true }], online);
    expect(refused.state.link).toBe('refused');
    expect(refused.effects.map((e) => e.do)).not.toContain('retryIn');
    expect(run([{ type: 'retry' }], refused.state).effects).toEqual([]);
    expect(run([{ type: 'start' }], refused.state).effects).toEqual([{ do: 'open' }]);
  });

  test('frames seen before are dropped, new ones counted and remembered', () => {
    const first = run([frame('offer', offer, 5)], online);
    expect(first.state.lastSeq).toBe(5);
    expect(first.effects).toContainEqual({ do: 'remember' });
    const again = run([frame('offer.withdrawn', { offer: 'o1' }, 5)], first.state);
    expect(again.state.offer).toEqual(offer);
    expect(again.effects).toEqual([]);
  });

  test.each([
    ['s1', true],
    ['s2', false],
  ])('welcome of session %s while media is up: same session %s', (session, sameSession) => {
    const up = run([{ type: 'media', media: 'connected' }, { type: 'closed' }], talking).state;
    const { effects } = run([frame('welcome', { session, call: call('talking') })], up);
    expect(effects).toContainEqual({ do: 'reconnectMedia', sameSession });
  });

  test.each([
    ['another session', 's2', undefined, 0],
    ['a resumed one', 's1', 40, 40],
    ['one that no longer holds what was missed', 's1', 90, 90],
  ])('after the welcome of %s the server counts', (_name, session, seq, lastSeq) => {
    const { state } = run([frame('welcome', { session }, seq)], { ...online, lastSeq: 40 });
    expect(state.lastSeq).toBe(lastSeq);
  });

  test('a reload in mid-call: welcome carries the call, media comes up, mute stays', () => {
    const { state, effects } = run([
      { type: 'start' },
      { type: 'opened' },
      frame('welcome', { session: 's1', call: call('talking', { muted: true }) }),
    ]);
    expect(state).toMatchObject({ call: { id: 'c1' }, muted: true });
    expect(effects).toContainEqual({ do: 'ensureMedia' });
    expect(effects).toContainEqual({ do: 'setMuted', muted: true });
  });

  test('welcome without a call ends the one we thought we had', () => {
    const { state } = run([{ type: 'closed' }, frame('welcome', { session: 's1', call: null })], talking);
    expect(state.call).toBeNull();
  });
});

describe('offer', () => {
  test('is acknowledged and rings once, also when it is sent twice', () => {
    const { effects } = run([frame('offer', offer, 1), frame('offer', offer, 2)], online);
    expect(sent(effects)).toEqual(['offer.ack', 'offer.ack']);
    expect(effects.filter((e) => e.do === 'ring')).toHaveLength(1);
  });

  test('of a call of their own does not ring who has just asked for it', () => {
    const own = { ...offer, auto: true, card: { ...offer.card, outbound: true } };
    const { effects } = run([frame('offer', own, 1)], online);
    expect(effects.filter((e) => e.do === 'ring')).toEqual([]);
    expect(effects).toContainEqual(expect.objectContaining({ do: 'send', type: 'offer.ack' }));
  });

  test('accept stops the ring, brings media up and is sent once', () => {
    const { state, effects } = run([{ type: 'accept' }, { type: 'accept' }, { type: 'decline' }], ringing);
    expect(state.answering).toBe(true);
    expect(sent(effects)).toEqual(['offer.accept']);
    expect(effects).toContainEqual({ do: 'silence' });
    expect(effects).toContainEqual({ do: 'ensureMedia' });
  });

  test('decline sends and forgets', () => {
    const { state, effects } = run([{ type: 'decline' }], ringing);
    expect(state.offer).toBeNull();
    expect(sent(effects)).toEqual(['offer.decline']);
  });

  test('withdrawn while accepting: the card goes', () => {
    const { state } = run([{ type: 'accept' }, frame('offer.withdrawn', { offer: 'o1', reason: 'gone' })], ringing);
    expect(state).toMatchObject({ offer: null, answering: false });
  });

  test('another offer is not withdrawn by an old withdrawal', () => {
    const { state } = run([frame('offer.withdrawn', { offer: 'o0' })], ringing);
    expect(state.offer).toEqual(offer);
  });

  test('a call takes the place of the offer', () => {
    const { state, effects } = run([{ type: 'accept' }, frame('call', call('connecting'))], ringing);
    expect(state).toMatchObject({ offer: null, answering: false, call: { state: 'connecting' } });
    expect(effects).toContainEqual({ do: 'silence' });
  });

  test('an error frees the buttons', () => {
    const { state } = run(
      [{ type: 'accept' }, frame('error', { code: 'gone', message: 'The offer is gone.' })],
      ringing,
    );
    expect(state).toMatchObject({ answering: false, lastError: { code: 'gone' } });
  });
});

describe('call', () => {
  const held = run([frame('call', call('held'), 3)], talking).state;
  const wrapUp = run([frame('call', call('wrap_up'), 3)], talking).state;

  // state of the call × what the person does → what is sent
  test.each<[string, PhoneState, PhoneEvent, string[]]>([
    ['no call', online, { type: 'mute', muted: true }, []],
    ['no call', online, { type: 'digit', digit: '1' }, []],
    ['no call', online, { type: 'hangup' }, []],
    ['no call', online, { type: 'startCall', number: '1001' }, ['call.start']],
    ['talking', talking, { type: 'mute', muted: true }, ['call.mute']],
    ['talking', talking, { type: 'hold', held: true }, ['call.hold']],
    ['talking', talking, { type: 'digit', digit: '#' }, ['call.digit']],
    ['talking', talking, { type: 'digit', digit: 'x' }, []],
    ['talking', talking, { type: 'hangup' }, ['call.hangup']],
    ['talking', talking, { type: 'wrapUp', disposition: 'sold', notes: '' }, []],
    ['talking', talking, { type: 'startCall', number: '1001' }, []],
    ['held', held, { type: 'hold', held: false }, ['call.resume']],
    ['wrap-up', wrapUp, { type: 'hangup' }, []],
    ['wrap-up', wrapUp, { type: 'hold', held: true }, []],
    ['wrap-up', wrapUp, { type: 'wrapUp', disposition: 'sold', notes: 'n' }, ['wrapup.done']],
    ['link lost', run([{ type: 'closed' }], talking).state, { type: 'hangup' }, []],
  ])('%s: %o', (_name, state, event, expected) => {
    expect(sent(run([event], state).effects)).toEqual(expected);
  });

  test('mute is for this call only', () => {
    const muted = run([{ type: 'mute', muted: true }], talking).state;
    expect(muted.muted).toBe(true);
    const next = run([frame('call', call('ended')), frame('call', { id: 'c2', state: 'talking' })], muted);
    expect(next.state.muted).toBe(false);
    expect(next.effects).toContainEqual({ do: 'setMuted', muted: false });
  });

  test('digits are kept for the display and cleared by the next call', () => {
    const typed = run(
      [...'12#'].map((digit): PhoneEvent => ({ type: 'digit', digit })),
      talking,
    ).state;
    expect(typed.digits).toBe('12#');
    expect(run([frame('call', { id: 'c2', state: 'connecting' })], typed).state.digits).toBe('');
  });

  test('the wrap-up and the end are told, the end clears the call', () => {
    const ended = run([frame('call', call('wrap_up')), frame('call', call('ended'))], talking);
    expect(ended.state.call).toBeNull();
    expect(ended.effects.filter((e) => e.do === 'callEnded')).toHaveLength(2);
  });
});

test('an agent frame without a presence leaves the one before', () => {
  const { state } = run([frame('agent', { presence: '', state: 'WRAP_UP' })], online);
  expect(state.agent).toMatchObject({ presence: 'AVAILABLE', state: 'WRAP_UP' });
});

describe('microphone', () => {
  test('is proven once, again after a change, and on every new session', () => {
    const proven = run(
      [
        { type: 'micHeard', level: 0.1 },
        { type: 'micHeard', level: 0.2 },
      ],
      online,
    );
    expect(sent(proven.effects)).toEqual(['mic.proof']);
    const changed = run([{ type: 'micChanged' }, { type: 'micHeard', level: 0.3 }], proven.state);
    expect(sent(changed.effects)).toEqual(['mic.proof']);
    const again = run([{ type: 'closed' }, frame('welcome', { session: 's2' })], proven.state);
    expect(sent(again.effects)).toContain('mic.proof');
  });
});

describe('supervision', () => {
  const view = (state: SupervisionView['state'], more: Partial<SupervisionView> = {}): SupervisionView => ({
    call: 'c9',
    mode: 'monitor',
    state,
    ...more,
  });
  const listening = run(
    [{ type: 'supervise', call: 'c9', mode: 'monitor' }, frame('supervise', view('on'))],
    online,
  ).state;

  test('monitoring asks for no microphone, whoever will be heard gives one', () => {
    const monitor = run([{ type: 'supervise', call: 'c9', mode: 'monitor', why: 'training' }], online);
    expect(monitor.state.supervision).toEqual(view('connecting'));
    expect(monitor.effects.map((e) => e.do)).not.toContain('ensureMedia');
    expect(monitor.effects).toContainEqual({
      do: 'send',
      type: 'supervise.start',
      data: { call: 'c9', mode: 'monitor', why: 'training' },
    });
    const coach = run([{ type: 'supervise', call: 'c9', mode: 'coach' }], listening);
    expect(coach.effects.map((e) => e.do)).toEqual(['ensureMedia', 'send']);
    expect(sent(coach.effects)).toEqual(['supervise.mode']);
    expect(coach.state.supervision?.mode).toBe('monitor'); // until the server says otherwise
  });

  test('another call is a new start; stop is sent while there is something to stop', () => {
    expect(sent(run([{ type: 'supervise', call: 'c8', mode: 'monitor' }], listening).effects)).toEqual([
      'supervise.start',
    ]);
    expect(sent(run([{ type: 'unsupervise' }], listening).effects)).toEqual(['supervise.stop']);
    expect(sent(run([{ type: 'unsupervise' }], online).effects)).toEqual([]);
  });

  test('an end stays until it is dismissed', () => {
    const over = run([frame('supervise', view('ended', { cause: 'forbidden' }))], listening).state;
    expect(supervises(over.supervision)).toBe(false);
    expect(over.supervision?.cause).toBe('forbidden');
    expect(run([{ type: 'dismissSupervision' }], over).state.supervision).toBeNull();
    expect(run([{ type: 'dismissSupervision' }], listening).state.supervision).not.toBeNull();
  });

  test('a page that comes back listens on, or learns that it does not', () => {
    const back = run([{ type: 'closed' }, frame('welcome', { session: 's1', supervise: view('on') })], listening);
    expect(back.state.supervision).toEqual(view('on'));
    expect(back.effects.map((e) => e.do)).toContain('listen');
    const lost = run([{ type: 'closed' }, frame('welcome', { session: 's2' })], listening).state;
    expect(lost.supervision).toBeNull();
  });
});

describe('transfer', () => {
  const to = { agent: 'a2' };
  const asked = (state: 'asked' | 'ringing' | 'done' | 'failed', from = talking) =>
    run([frame('call', call('held', { transfer: { kind: 'agent', name: 'Ben', state } }), 3)], from).state;

  test('the wish goes out as it is, from a talk or a held call', () => {
    expect(run([{ type: 'transfer', to }], talking).effects).toEqual([
      { do: 'send', type: 'call.transfer', data: { agent: 'a2' } },
    ]);
    expect(sent(run([{ type: 'transfer', to: { number: '+49 30 1' } }], asked('failed')).effects)).toEqual([
      'call.transfer',
    ]);
  });

  test.each(['asked', 'ringing'] as const)('one that is %s is taken back, not doubled', (state) => {
    expect(run([{ type: 'transfer', to }], asked(state)).effects).toEqual([]);
    expect(sent(run([{ type: 'hold', held: false }], asked(state)).effects)).toEqual(['call.resume']);
  });

  test('there must be a caller', () => {
    expect(run([{ type: 'transfer', to }], online).effects).toEqual([]);
    expect(run([{ type: 'transfer', to }], ringing).effects).toEqual([]);
  });
});

describe('consultation', () => {
  const to = { agent: 'a2' };
  const party = (state: 'consulted' | 'talking') => ({ id: 'l2', party: 'agent' as const, name: 'Ben', state });
  const among = (leads: boolean, state: 'consulted' | 'talking') =>
    run([frame('call', call('held', { roster: { leads, parties: [party(state)] } }), 3)], talking).state;
  const acts: PhoneEvent[] = [
    { type: 'transfer', to },
    { type: 'consult', to },
    { type: 'add', to },
    { type: 'join' },
    { type: 'leave' },
    { type: 'remove', party: 'l2' },
    { type: 'hold', held: false },
  ];

  test.each([
    ['of two', talking, ['call.transfer', 'call.consult', 'call.add', 'call.resume']],
    [
      'who consults',
      among(true, 'consulted'),
      ['call.consult', 'call.add', 'call.join', 'call.leave', 'call.remove', 'call.resume'],
    ],
    [
      'in a conference',
      among(true, 'talking'),
      ['call.consult', 'call.add', 'call.leave', 'call.remove', 'call.resume'],
    ],
    ['who was asked in', among(false, 'consulted'), []],
    ['without a call', online, []],
  ] as const)('an agent %s', (_, from, want) => {
    expect(acts.flatMap((act) => sent(run([act], from).effects))).toEqual(want);
  });
});

test.each([
  ['a colleague', { extension: true, name: 'Ben Agent' }, true],
  ['an outside caller of an agent’s own number', { extension: true, name: 'Ed', caller: '+14155550123' }, false],
  ['one who withholds theirs', { extension: true }, false],
  ['a customer of a queue', { name: 'Ed', queue_path: ['Support'] }, false],
])('with %s', (_, card, want) => {
  expect(colleagues(card)).toBe(want);
});

describe('sending a call on', () => {
  const alone = { leads: true, parties: [] } as CallView['roster'];
  const guest = { leads: false, parties: [] } as CallView['roster'];
  test.each<[string, CallView, boolean, boolean]>([
    ['a call of a queue', call('talking'), true, true],
    ['one on hold', call('held'), true, true],
    ['a call of no queue', call('talking', { card: { caller: '1003' } }), false, false],
    ['a call with a colleague', call('talking', { card: { extension: true } }), true, true],
    ['one that rings', call('connecting'), false, false],
    ['a conference of one’s own', call('talking', { roster: alone }), true, false],
    ['a conference of another’s', call('talking', { roster: guest }), false, false],
  ])('%s', (_, one, asks, sends) => {
    expect(consultable(one)).toBe(asks);
    expect(transferable(one)).toBe(sends);
  });
});
