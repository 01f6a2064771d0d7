import type {
  AgentView,
  CallView,
  Card,
  Frame,
  LogEvent,
  Offer,
  Presence,
  SupervisionMode,
  SupervisionView,
  TransferTarget,
  TransferView,
  Welcome,
} from './protocol';

// The softphone as a pure function: what came in, what is so now, what is to be done. Sockets, microphones and sound are in the engine,
// which only carries out effects; everything that can go wrong in an order nobody thought of is decided here, where a table can test it.

export type Link = 'off' | 'connecting' | 'online' | 'reconnecting' | 'refused';
export type Media = 'off' | 'asking' | 'connecting' | 'connected' | 'interrupted' | 'blocked';

export interface PhoneState {
  link: Link;
  /** Tries since the link was lost; 0 while it is up. */
  attempt: number;
  session: string;
  resume: string;
  lastSeq: number;
  media: Media;
  /** Why the microphone cannot be had: the DOMException's name. */
  mediaFault: string;
  micProven: boolean;
  agent: AgentView;
  offer: Offer | null;
  /** An accept is on its way: the buttons wait. */
  answering: boolean;
  call: CallView | null;
  muted: boolean;
  digits: string;
  /** The other people's call that is being supervised; one that has ended stays until it is dismissed or another begins. */
  supervision: SupervisionView | null;
  lastError: { code: string; message: string } | null;
}

export type PhoneEvent =
  | { type: 'start' }
  | { type: 'stop' }
  | { type: 'opened' }
  | { type: 'closed'; refused?: boolean }
  | { type: 'retry' }
  | { type: 'frame'; frame: Frame }
  | { type: 'media'; media: Media; fault?: string }
  | { type: 'micHeard'; level: number }
  | { type: 'micChanged' }
  | { type: 'presence'; presence: Presence; reason?: string }
  | { type: 'nextPresence'; presence: Presence | ''; reason?: string }
  | { type: 'askWrapUp'; on: boolean }
  | { type: 'extendWrapUp' }
  | { type: 'accept' }
  | { type: 'decline' }
  | { type: 'mute'; muted: boolean }
  | { type: 'hold'; held: boolean }
  | { type: 'transfer'; to: TransferTarget }
  | { type: 'consult'; to: TransferTarget }
  | { type: 'add'; to: TransferTarget }
  | { type: 'remove'; party: string }
  | { type: 'join' }
  | { type: 'leave' }
  | { type: 'redact'; on: boolean }
  | { type: 'digit'; digit: string }
  | { type: 'hangup' }
  | { type: 'wrapUp'; disposition: string; notes: string }
  | { type: 'startCall'; number: string }
  | { type: 'supervise'; call: string; mode: SupervisionMode; why?: string }
  | { type: 'unsupervise' }
  | { type: 'dismissSupervision' }
  | { type: 'dismissError' };

export type Effect =
  | { do: 'open' }
  | { do: 'close' }
  | { do: 'hello' }
  | { do: 'retryIn'; ms: number }
  | { do: 'send'; type: string; data?: Record<string, unknown>; call?: string }
  | { do: 'ring'; offer: Offer }
  | { do: 'silence' }
  | { do: 'setMuted'; muted: boolean }
  | { do: 'ensureMedia' }
  | { do: 'listen' }
  | { do: 'answer'; sdp: string }
  | { do: 'candidate'; candidate: RTCIceCandidateInit | null }
  | { do: 'negotiate' }
  | { do: 'reconnectMedia'; sameSession: boolean }
  | { do: 'remember' }
  | { do: 'log'; event: LogEvent }
  | { do: 'callEnded'; call: CallView };

export const initialPhone: PhoneState = {
  link: 'off',
  attempt: 0,
  session: '',
  resume: '',
  lastSeq: 0,
  media: 'off',
  mediaFault: '',
  micProven: false,
  agent: { presence: 'OFFLINE' },
  offer: null,
  answering: false,
  call: null,
  muted: false,
  digits: '',
  supervision: null,
  lastError: null,
};

type Step = [PhoneState, Effect[]];

/** Waits before try n (1 = first) to come back: quick at first, at most 10 s; jitter is the engine's. */
export function backoff(attempt: number): number {
  return Math.min(10_000, 250 * 2 ** Math.min(Math.max(attempt - 1, 0), 6));
}

/** True while a call occupies the agent's ears. */
export function inCall(call: CallView | null): boolean {
  return call !== null && call.state !== 'ended' && call.state !== 'wrap_up';
}

/** True where the agent's calls are on another device, which needs no microphone here. */
export const elsewhere = (agent: AgentView): boolean => agent.device !== undefined && agent.device !== 'browser';

/** True while a transfer has neither succeeded nor failed. */
export const underWay = (transfer: TransferView | undefined): boolean =>
  transfer?.state === 'asked' || transfer?.state === 'ringing';

/** True where the call is this agent's own, and not of one who has asked them in. */
export const leads = (call: CallView | null): boolean => call?.roster?.leads !== false;

/** True for a call of a queue, or with a colleague: only these are sent on. */
export const sendable = (call: CallView | null): boolean =>
  (call?.card?.queue_path?.length ?? 0) > 0 || call?.card?.extension === true;

/** True for a call of two colleagues: there is no customer to look up, or to ask for anything. */
export const colleagues = (card: Card): boolean => card.extension === true && !card.caller && Boolean(card.name);

/** True where somebody may be asked in now. */
export const consultable = (call: CallView | null): boolean =>
  sendable(call) && (call?.state === 'talking' || call?.state === 'held') && !underWay(call.transfer) && leads(call);

/** True where the caller may be sent on now. */
export const transferable = (call: CallView | null): boolean => consultable(call) && !call?.roster;

/** True while the agent talks with somebody out of the customer's hearing. */
export const consulting = (call: CallView | null): boolean =>
  call?.roster?.leads === true && call.roster.parties.some((one) => one.state === 'consulted');

// A session that is still being read has no presence yet: the one before is the better picture.
const agentAfter = (before: AgentView, part: Partial<AgentView>): AgentView => ({
  ...before,
  ...part,
  presence: part.presence || before.presence,
});

const none = (state: PhoneState): Step => [state, []];
const send = (type: string, data?: Record<string, unknown>): Effect => ({ do: 'send', type, data });

export function step(state: PhoneState, event: PhoneEvent): Step {
  switch (event.type) {
    case 'start':
      return state.link === 'off' || state.link === 'refused'
        ? [{ ...state, link: 'connecting', attempt: 0 }, [{ do: 'open' }]]
        : none(state);
    case 'stop':
      return [
        { ...initialPhone, lastSeq: state.lastSeq, resume: state.resume, micProven: state.micProven },
        [{ do: 'silence' }, { do: 'close' }],
      ];
    case 'opened':
      return [state, [{ do: 'hello' }]];
    case 'closed':
      return closed(state, event.refused === true);
    case 'retry':
      return state.link === 'reconnecting' ? [state, [{ do: 'open' }]] : none(state);
    case 'frame':
      return frame(state, event.frame);
    case 'media':
      return none({ ...state, media: event.media, mediaFault: event.fault ?? '' });
    case 'micHeard':
      return state.micProven
        ? none(state)
        : [{ ...state, micProven: true }, [send('mic.proof', { level: event.level }), { do: 'remember' }]];
    case 'micChanged':
      return none({ ...state, micProven: false });
    case 'dismissError':
      return none({ ...state, lastError: null });
    case 'dismissSupervision':
      return state.supervision?.state === 'ended' ? none({ ...state, supervision: null }) : none(state);
    default:
      return action(state, event);
  }
}

function closed(state: PhoneState, refused: boolean): Step {
  if (state.link === 'off') return none(state);
  if (refused) {
    return [{ ...state, link: 'refused', offer: null, answering: false }, [{ do: 'silence' }]];
  }
  const attempt = state.attempt + 1;
  // The offer's lease ends without us; ringing on would offer a call that is no longer ours. The call itself lives on (60 s).
  return [
    { ...state, link: 'reconnecting', attempt, offer: null, answering: false },
    [{ do: 'silence' }, { do: 'retryIn', ms: backoff(attempt) }],
  ];
}

// What the person did. Nothing is sent while the link is down: an act that arrives a minute late is worse than one that was refused.
function action(state: PhoneState, event: PhoneEvent): Step {
  if (state.link !== 'online') return none(state);
  switch (event.type) {
    case 'presence':
      return [state, [send('presence.set', { presence: event.presence, reason: event.reason ?? '' })]];
    case 'nextPresence':
      return [state, [send('presence.next', { presence: event.presence, reason: event.reason ?? '' })]];
    case 'askWrapUp':
      return inCall(state.call) ? [state, [send('wrapup.request', { on: event.on })]] : none(state);
    case 'extendWrapUp':
      return state.call?.state === 'wrap_up' ? [state, [send('wrapup.extend')]] : none(state);
    case 'accept':
      if (!state.offer || state.answering || state.offer.device) return none(state);
      return [
        { ...state, answering: true },
        [{ do: 'silence' }, { do: 'ensureMedia' }, send('offer.accept', { offer: state.offer.offer })],
      ];
    case 'decline':
      if (!state.offer || state.answering) return none(state);
      return [{ ...state, offer: null }, [{ do: 'silence' }, send('offer.decline', { offer: state.offer.offer })]];
    case 'mute':
      if (!inCall(state.call)) return none(state);
      return [
        { ...state, muted: event.muted },
        [{ do: 'setMuted', muted: event.muted }, send('call.mute', { muted: event.muted })],
      ];
    case 'hold':
      if (!state.call || (state.call.state !== 'talking' && state.call.state !== 'held') || !leads(state.call))
        return none(state);
      return [state, [send(event.held ? 'call.hold' : 'call.resume')]];
    case 'transfer':
      if (!transferable(state.call)) return none(state);
      return [state, [send('call.transfer', { ...event.to })]];
    case 'consult':
    case 'add':
      return consultable(state.call) ? [state, [send(`call.${event.type}`, { ...event.to })]] : none(state);
    case 'remove':
      return state.call?.roster?.leads ? [state, [send('call.remove', { party: event.party })]] : none(state);
    case 'join':
      return consulting(state.call) ? [state, [send('call.join')]] : none(state);
    case 'leave':
      return state.call?.roster?.leads ? [state, [send('call.leave')]] : none(state);
    case 'redact':
      if (!state.call?.recording) return none(state);
      return [state, [send('call.redact', { on: event.on })]];
    case 'digit':
      if (!inCall(state.call) || !/^[0-9*#A-D]$/.test(event.digit)) return none(state);
      return [
        { ...state, digits: (state.digits + event.digit).slice(-24) },
        [send('call.digit', { digit: event.digit })],
      ];
    case 'hangup':
      return inCall(state.call) ? [state, [send('call.hangup')]] : none(state);
    case 'wrapUp':
      if (state.call?.state !== 'wrap_up') return none(state);
      return [state, [send('wrapup.done', { disposition: event.disposition, notes: event.notes })]];
    case 'startCall':
      return inCall(state.call)
        ? none(state)
        : [state, [{ do: 'ensureMedia' }, send('call.start', { number: event.number })]];
    case 'supervise':
      return supervise(state, event);
    case 'unsupervise':
      return supervises(state.supervision)
        ? [state, [send('supervise.stop', { call: state.supervision?.call })]]
        : none(state);
    default:
      return none(state);
  }
}

/** True while another people's call is listened to. */
export function supervises(s: SupervisionView | null): boolean {
  return s !== null && s.state !== 'ended';
}

// Whoever only listens needs no microphone.
function supervise(state: PhoneState, event: Extract<PhoneEvent, { type: 'supervise' }>): Step {
  const { call, mode, why = '' } = event;
  const media: Effect = { do: mode === 'monitor' ? 'listen' : 'ensureMedia' };
  const now = state.supervision;
  if (now && supervises(now) && now.call === call) return [state, [media, send('supervise.mode', { call, mode, why })]];
  return [
    { ...state, supervision: { call, mode, state: 'connecting' } },
    [{ do: 'listen' }, media, send('supervise.start', { call, mode, why })],
  ];
}

function frame(state: PhoneState, incoming: Frame): Step {
  const seq = incoming.seq ?? 0;
  // A resumed session sends again what it does not know to have arrived.
  if (seq > 0 && incoming.type !== 'welcome') {
    if (seq <= state.lastSeq) return none(state);
    const [next, effects] = payload({ ...state, lastSeq: seq }, incoming);
    return [next, [...effects, { do: 'remember' }]];
  }
  return payload(state, incoming);
}

function payload(state: PhoneState, incoming: Frame): Step {
  const data = (incoming.data ?? {}) as Record<string, unknown>;
  switch (incoming.type) {
    case 'welcome':
      return welcome(state, data as Welcome, incoming.seq);
    case 'agent':
      return none({ ...state, agent: agentAfter(state.agent, data as Partial<AgentView>) });
    case 'offer':
      return offered(state, data as unknown as Offer);
    case 'offer.withdrawn':
      if (state.offer && (data.offer === undefined || data.offer === state.offer.offer)) {
        return [{ ...state, offer: null, answering: false }, [{ do: 'silence' }]];
      }
      return none(state);
    case 'call':
      return callChanged(state, data as unknown as CallView);
    case 'supervise':
      return none({ ...state, supervision: data as unknown as SupervisionView });
    case 'rtc.answer':
      return [state, [{ do: 'answer', sdp: String(data.sdp ?? '') }]];
    case 'rtc.candidate':
      return [state, [{ do: 'candidate', candidate: (data.candidate ?? null) as RTCIceCandidateInit | null }]];
    case 'negotiate':
      return [state, [{ do: 'negotiate' }]];
    case 'event':
      return [state, [{ do: 'log', event: data as unknown as LogEvent }]];
    case 'error':
      return none({
        ...state,
        answering: false,
        lastError: { code: String(data.code ?? 'error'), message: String(data.message ?? '') },
      });
    default:
      return none(state);
  }
}

function welcome(state: PhoneState, data: Welcome, seq: number | undefined): Step {
  const sameSession = data.session !== undefined && data.session === state.session;
  const call = data.call && data.call.state !== 'ended' ? data.call : null;
  const next: PhoneState = {
    ...state,
    link: 'online',
    attempt: 0,
    session: data.session ?? '',
    resume: data.resume ?? state.resume,
    // From here on the server counts; what a resumed session missed follows.
    lastSeq: seq ?? 0,
    agent: agentAfter(state.agent, data.agent ?? {}),
    call: data.call === undefined && sameSession ? state.call : call,
    muted: call?.muted ?? (sameSession && state.muted),
    offer: null,
    answering: false,
    supervision: data.supervise ?? (supervises(state.supervision) ? null : state.supervision),
  };
  const effects: Effect[] = [{ do: 'remember' }];
  if (inCall(next.call) && !next.call?.device)
    effects.push({ do: 'ensureMedia' }, { do: 'setMuted', muted: next.muted });
  if (supervises(next.supervision))
    effects.push({ do: next.supervision?.mode === 'monitor' ? 'listen' : 'ensureMedia' });
  // A session that the server has forgotten has no peer there either: ours must be a new one too.
  // Also one that was only listened with, which `media` does not tell of.
  if (state.media !== 'asking') effects.push({ do: 'reconnectMedia', sameSession });
  if (state.micProven) effects.push(send('mic.proof', { level: 1 }));
  if (data.offer) {
    const [withOffer, more] = offered(next, data.offer);
    return [withOffer, [...effects, ...more]];
  }
  return [next, effects];
}

function offered(state: PhoneState, offer: Offer): Step {
  if (!offer?.offer) return none(state);
  const ack = send('offer.ack', { offer: offer.offer });
  if (state.offer?.offer === offer.offer) return [{ ...state, offer }, [ack]]; // its card may have changed
  // Who has just pressed the button for a call of their own need not be rung for it.
  const silent = offer.auto && offer.card.outbound;
  return [{ ...state, offer, answering: false }, silent ? [ack] : [ack, { do: 'ring', offer }]];
}

function callChanged(state: PhoneState, call: CallView): Step {
  const before = state.call;
  const fresh = before?.id !== call.id;
  const effects: Effect[] = [];
  const next: PhoneState = { ...state, call, muted: call.muted ?? (fresh ? false : state.muted) };
  if (fresh) next.digits = '';
  if (state.offer || state.answering) {
    next.offer = null;
    next.answering = false;
    effects.push({ do: 'silence' });
  }
  if (next.muted !== state.muted || fresh) effects.push({ do: 'setMuted', muted: next.muted });
  if (call.state === 'ended') {
    next.call = null;
    next.muted = false;
    next.digits = '';
    effects.push({ do: 'setMuted', muted: false }, { do: 'callEnded', call });
  } else if (call.state === 'wrap_up' && before?.state !== 'wrap_up') {
    next.muted = false;
    effects.push({ do: 'setMuted', muted: false }, { do: 'callEnded', call });
  }
  return [next, effects];
}
