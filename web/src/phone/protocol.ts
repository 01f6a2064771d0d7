// Frames of the agent's WebSocket (`/ws`), as docs/architecture.md "Joints" has them.

export type Presence = 'OFFLINE' | 'AVAILABLE' | 'AWAY' | 'BUSY';

export type RoutingState =
  | 'IDLE'
  | 'RESERVED'
  | 'ALERTING'
  | 'CONNECTING'
  | 'INTERACTING'
  | 'HELD'
  | 'WRAP_UP'
  | 'NOT_RESPONDING'
  | 'UNREACHABLE'
  | 'RECOVERING';

/** What the agent may know of a caller from the first ring on. */
export interface Card {
  number?: string;
  caller?: string;
  name?: string;
  queue_path?: string[];
  waited_seconds?: number;
  ring_seconds?: number;
  reserved?: {
    reserved_verified_customer?: boolean;
    reserved_bad_actor?: boolean;
    reserved_repeat_customer?: boolean;
  };
  data?: Record<string, string>;
  /** The customer is called once the agent accepts. */
  callback?: boolean;
  /** The same, of a call that the agent makes or that is made for them. */
  outbound?: boolean;
  /** Of one agent with another, or to an agent's own number. */
  extension?: boolean;
  /** The agent who sent the caller here. */
  transferred_by?: string;
  /** The agent who has the caller, and asks this one in. */
  consulted_by?: string;
  /** What a virtual agent says of its talk with the caller. */
  summary?: string;
  contact?: string;
  ticket?: string;
}

export type CallState = 'connecting' | 'talking' | 'held' | 'wrap_up' | 'ended';

/** One `call` frame: the whole picture each time, so that a missed one costs nothing. */
export interface CallView {
  id: string;
  state: CallState;
  /** Within connecting: what is heard now, by an agent the first three, by a customer all but the first two. */
  stage?: 'whisper' | 'countdown' | 'dialing' | 'menu' | 'playing' | 'waiting';
  card?: Card;
  muted?: boolean;
  held?: boolean;
  /** RFC 3339: when this state began. */
  since?: string;
  /** RFC 3339: when the bridge opened. */
  answered_at?: string;
  /** Whether what is said now is recorded; missing: it is not. */
  recording?: 'on' | 'paused';
  /** RFC 3339: when a paused recording goes on by itself. */
  recording_paused_until?: string;
  /** RFC 3339: when the server ends the wrap-up by itself. */
  wrap_up_until?: string;
  wrap_up?: WrapUp;
  /** Who has answered a call that the agent made, as far as their greeting tells. */
  answered_by?: 'human' | 'machine' | 'no_speech' | 'unsure';
  /** The beep of a machine was heard: it records what is said from now on. */
  beep?: boolean;
  /** The transfer that was asked for last. */
  transfer?: TransferView;
  /** Who is in a call of more than two. */
  roster?: Roster;
  cause?: string;
  /** The agent talks on this one; missing: on the page. */
  device?: OtherDevice;
}

/** What an agent may take calls on instead of the page. */
export type OtherDevice = 'phone' | 'number';

/** Who is in a call of more than two. */
export interface Roster {
  /** It is this agent's call: they ask others in. */
  leads: boolean;
  /** Besides this agent. */
  parties: Participant[];
}

export interface Participant {
  id: string;
  party: 'customer' | 'agent' | 'far_end';
  name?: string;
  /** held: the customer, who hears music; consulted: out of the customer's hearing. */
  state: 'held' | 'consulted' | 'talking';
}

/** How a transfer goes. */
export interface TransferView {
  kind: 'agent' | 'queue' | 'number';
  name: string;
  state: 'asked' | 'ringing' | 'here' | 'done' | 'failed';
  /** Of a failure. */
  cause?: string;
  /** They are asked in; the caller is not sent away. */
  consult?: boolean;
}

/** Where a caller is sent. */
export type TransferTarget = { agent: string } | { queue: string } | { number: string };

/** How this call is to be wrapped up. */
export interface WrapUp {
  mode?: 'none' | 'requested' | 'optional' | 'timed' | 'mandatory';
  seconds?: number;
  until?: string;
  dispositions?: string[];
  disposition_required?: boolean;
  notes_required?: boolean;
  /** By how many seconds it may be extended now. */
  extend_seconds?: number;
}

/** How the browser rings: a built-in tone, the id of an uploaded one, or '' for silence; every 0 seconds is once. */
export interface Ring {
  tone: string;
  every_seconds: number;
}

export interface Offer {
  offer: string;
  call?: string;
  card: Card;
  /** Seconds the offer rings before it counts as missed. */
  ring_seconds?: number;
  tone?: Ring;
  since?: string;
  /** The server accepts it by itself as soon as it is shown. */
  auto?: boolean;
  /** It rings, and is answered, there; missing: on the page. */
  device?: OtherDevice;
}

export interface AgentView {
  id?: string;
  presence: Presence;
  reason?: string;
  /** RFC 3339, of the presence. */
  presence_since?: string;
  /** RFC 3339: when the reason's longest time is over. */
  presence_until?: string;
  /** Chosen for after what is done now. */
  next_presence?: Presence;
  next_reason?: string;
  /** A wrap-up follows the talk because the agent asked for one. */
  wrap_up_asked?: boolean;
  /** Empty for somebody who serves no queues. */
  state?: RoutingState | '';
  /** RFC 3339, of the state. */
  since?: string;
  /** When the bar or the wrap-up ends by itself. */
  until?: string;
  /** What the agent takes calls on. */
  device?: OtherDevice | 'browser' | 'sip';
}

/** How a supervisor takes part in another's call: silently, heard by the agent alone, heard by both, or in the agent's place. */
export type SupervisionMode = 'monitor' | 'coach' | 'barge' | 'take_over';

/** One `supervise` frame: the call that is listened to, if any. */
export interface SupervisionView {
  call: string;
  mode: SupervisionMode;
  /** connecting: nothing is heard yet; on: heard; ended: over, for the reason that cause names. */
  state: 'connecting' | 'on' | 'ended';
  /** RFC 3339: when listening began. */
  since?: string;
  /** Of the end: stopped, call_ended, taken_over, forbidden, own_call, lost, failed, or the code of the error that refused it. */
  cause?: string;
}

export interface Frame {
  v: 1;
  id?: string;
  type: string;
  call?: string;
  seq?: number;
  ack?: number;
  data?: unknown;
}

export interface Welcome {
  session?: string;
  resume?: string;
  agent?: AgentView;
  call?: CallView | null;
  offer?: Offer | null;
  supervise?: SupervisionView | null;
  ice_servers?: RTCIceServer[];
}

/** Rows of a live list: all of them after `reset` until no `more` follow, then what changes. */
export interface LiveFrame {
  list: 'calls' | 'items' | 'agents';
  reset?: boolean;
  more?: boolean;
  /** The permission has gone; nothing follows. */
  denied?: boolean;
  rows?: unknown[];
  removed?: string[];
}

export interface LogEvent {
  type: string;
  subject?: string;
}

/** Parses one text frame of the server; null for what is none. */
export function parseFrame(text: string): Frame | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const frame = value as Frame;
    return typeof frame.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}
