import type {
  Attributes,
  Config,
  Frame,
  FromFrame,
  Identity,
  Message,
  Slot,
  Thread,
  ToFrame,
  Welcome,
} from '../protocol';
import { Keeper } from './keep';
import { Link, type LinkState } from './link';
import { chime } from './sound';
import { absorb, emptyTalk, type Pending, since, type Talk, unreadCount } from './thread';

export type Panel = 'chat' | 'callback' | 'transcript' | 'call';

export interface State {
  open: boolean;
  link: LinkState;
  language: string;
  agreed: boolean;
  answered: boolean;
  panel: Panel;
  talk: Talk;
  typing: boolean;
  name: string;
  sound: boolean;
  /** Why the last thing that was asked for did not happen. */
  error: string;
  loaded: boolean;
}

type Waiting = { done: (data: unknown) => void; failed: (e: Error) => void; timer: ReturnType<typeof setTimeout> };

export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const ANSWER_WITHIN = 15_000;
const TYPING_FOR = 6_000;
const TYPING_EVERY = 3_000;

/** What the widget's page knows and does. */
export class Store {
  readonly keeper: Keeper;
  readonly link: Link;
  state: State;
  identity: Identity | null = null;
  private attributes: Attributes = {};
  private readonly changed = new Set<() => void>();
  private readonly waiting = new Map<string, Waiting>();
  private typingEnds: ReturnType<typeof setTimeout> | undefined;
  private typedAt = 0;
  private refused = false;

  constructor(
    readonly config: Config,
    readonly parent: string,
    language: string,
  ) {
    this.keeper = new Keeper(config.account, !config.consent);
    const kept = this.keeper.value;
    this.state = {
      open: false,
      link: 'stopped',
      language: kept.language ?? language,
      agreed: this.keeper.may,
      answered: kept.answered ?? false,
      panel: 'chat',
      talk: { ...emptyTalk, pending: kept.outbox },
      typing: false,
      name: '',
      sound: kept.sound,
      error: '',
      loaded: false,
    };
    this.link = new Link(config.account, {
      hello: () => this.hello(),
      frame: (f) => this.receive(f),
      state: (link) => this.set({ link }),
      unsent: () => this.unsent(),
    });
    addEventListener('message', (e) => {
      if (e.source === window.parent && e.origin === parent && e.data?.tandem) this.told(e.data.tandem as ToFrame);
    });
    document.addEventListener('visibilitychange', () => this.see());
    this.tell({ type: 'ready' });
  }

  subscribe = (f: () => void): (() => void) => {
    this.changed.add(f);
    return () => this.changed.delete(f);
  };

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const f of this.changed) f();
  }

  tell(m: FromFrame): void {
    if (window.parent !== window) window.parent.postMessage({ tandem: m }, this.parent);
  }

  // --- the page around us

  private told(m: ToFrame): void {
    switch (m.type) {
      case 'start':
        this.identity = m.identity;
        this.attributes = m.attributes;
        if (!this.keeper.value.language) this.set({ language: m.language });
        this.set({ open: m.open });
        this.another();
        if (this.state.agreed) this.begin();
        break;
      case 'open':
      case 'close':
        this.set({ open: m.type === 'open' });
        this.see();
        break;
      case 'identify':
        this.identity = m.identity;
        this.anew();
        break;
      case 'logout':
        this.identity = null;
        this.attributes = {};
        this.forget();
        this.anew();
        break;
      case 'set':
        this.attributes = { data: { ...this.attributes.data, ...m.attributes.data }, token: m.attributes.token };
        void this.ask('attributes', m.attributes).catch(() => {});
        break;
      case 'language':
        this.speak(m.language);
        break;
    }
  }

  private anew(): void {
    this.refused = false;
    this.another();
    if (this.state.agreed && this.state.link !== 'stopped') this.link.restart();
  }

  /** Whoever was here before is somebody else: nothing of theirs stays on the screen or on its way. */
  private another(): void {
    const was = this.keeper.value.customer;
    if (was && was !== this.identity?.id) this.forget();
  }

  private forget(): void {
    this.keeper.forget();
    this.set({ talk: emptyTalk, answered: false, name: '', loaded: false, typing: false, panel: 'chat' });
    this.tell({ type: 'unread', count: 0, title: '' });
    if (this.state.agreed) this.tell({ type: 'keep', ok: this.keeper.may, active: false });
  }

  // --- consent, language, sound

  agree(): void {
    this.keeper.allow();
    this.set({ agreed: true });
    this.tell({ type: 'keep', ok: true, active: false });
    this.begin();
  }

  speak(language: string): void {
    this.keeper.set({ language });
    this.set({ language });
  }

  setSound(sound: boolean): void {
    this.keeper.set({ sound });
    this.set({ sound });
    if (sound) chime();
  }

  close(): void {
    this.tell({ type: 'close' });
  }

  // --- the server

  private begin(): void {
    this.link.start();
  }

  /** Who we are, for a call over a socket of its own. */
  credentials(): Record<string, unknown> {
    const { since: _, ...who } = this.hello();
    return who;
  }

  private hello(): Record<string, unknown> {
    const { visitor, secret, customer } = this.keeper.value;
    const known = visitor && (!customer || customer === this.identity?.id);
    return {
      widget: this.config.account,
      visitor: known ? visitor : undefined,
      secret: known ? secret : undefined,
      identity: this.refused ? undefined : (this.identity ?? undefined),
      attributes:
        Object.keys(this.attributes.data ?? {}).length > 0 || this.attributes.token ? this.attributes : undefined,
      origin: this.parent,
      language: this.state.language,
      since: since(this.state.talk),
    };
  }

  /** Asks the server for something, over whatever way there is. */
  ask<T>(type: string, data?: unknown): Promise<T> {
    return new Promise((done, failed) => {
      const id = this.link.send(type, data);
      if (id) {
        const timer = setTimeout(() => this.answered(id, new Refusal('no_answer', '')), ANSWER_WITHIN);
        this.waiting.set(id, { done: done as (d: unknown) => void, failed, timer });
        return;
      }
      this.link.request([{ v: 1, id: 'ask', type, data }]).then(
        (frames) => {
          const answer = frames.find((f) => f.id === 'ask');
          for (const f of frames) if (f !== answer) this.receive(f);
          if (answer?.type === 'error') failed(refusal(answer));
          else done(answer?.data as T);
        },
        () => failed(new Refusal('offline', '')),
      );
    });
  }

  private answered(id: string, with_: Refusal | { data: unknown }): boolean {
    const waits = this.waiting.get(id);
    if (!waits) return false;
    this.waiting.delete(id);
    clearTimeout(waits.timer);
    if (with_ instanceof Refusal) waits.failed(with_);
    else waits.done(with_.data);
    return true;
  }

  private receive(f: Frame): void {
    switch (f.type) {
      case 'welcome':
        this.welcomed(f.data as Welcome);
        break;
      case 'thread':
        this.news(f.data as Thread);
        break;
      case 'typing':
        this.showTyping((f.data as { on: boolean }).on);
        break;
      case 'error':
        this.failed(f);
        break;
      default:
        if (f.id) this.answered(f.id, { data: f.data });
    }
  }

  private welcomed(w: Welcome): void {
    const identity = this.refused ? null : this.identity;
    const change = w.visitor.secret
      ? { visitor: w.visitor.id, secret: w.visitor.secret, customer: identity?.id }
      : { visitor: w.visitor.id, customer: identity?.id };
    // A new visitor begins with nothing of the one before, but with what was written while nobody was there yet.
    if (w.visitor.secret && this.keeper.value.visitor && this.keeper.value.visitor !== w.visitor.id) {
      this.keeper.set({ seen: {} });
      this.set({ talk: { ...emptyTalk, pending: this.state.talk.pending } });
    }
    this.keeper.set(change);
    this.set({ name: w.visitor.name, loaded: true, error: '' });
    this.news(w);
    this.attributes = { data: this.attributes.data };
    if (w.visitor.customer) this.tell({ type: 'event', name: 'identified', data: { id: identity?.id } });
    for (const f of this.unsent()) this.link.send(f.type, f.data, f.id);
  }

  private news(t: Thread): void {
    const had = new Set(this.state.talk.messages.map((m) => m.id));
    const talk = absorb(this.state.talk, t);
    const fresh = talk.messages.filter((m) => !m.mine && !had.has(m.id));
    this.set({ talk });
    this.keeper.set({ outbox: talk.pending });
    if (had.size > 0 && fresh.length > 0) {
      if (this.state.sound && !this.looking()) chime();
      for (const m of fresh) this.tell({ type: 'event', name: 'message', data: { id: m.id, author: m.author } });
      this.showTyping(false);
    }
    const c = talk.conversations[0];
    this.tell({ type: 'keep', ok: this.keeper.may, active: c !== undefined && c.state !== 'closed' });
    if (c) this.tell({ type: 'event', name: 'state', data: { state: c.state, agent: c.agent, position: c.position } });
    this.see();
  }

  private failed(f: Frame): void {
    const e = refusal(f);
    switch (e.code) {
      // The browser was somebody else's, or is forgotten: begin anew, as nobody.
      case 'visitor_unknown':
        this.keeper.set({ visitor: undefined, secret: undefined, customer: undefined, seen: {} });
        this.set({ talk: { ...emptyTalk, pending: this.state.talk.pending } });
        this.link.restart();
        return;
      case 'identity_invalid':
        this.refused = true;
        this.tell({ type: 'event', name: 'error', data: { code: e.code } });
        this.link.restart();
        return;
      case 'origin_not_allowed':
      case 'widget_not_found':
        this.set({ error: e.code });
        this.link.stop();
        return;
    }
    if (f.id?.startsWith('m:')) {
      const id = f.id.slice(2);
      if (e.code === 'too_often') {
        setTimeout(() => this.resend(id), 3000);
        return;
      }
      this.pending(this.state.talk.pending.map((p) => (p.client_id === id ? { ...p, failed: e.code } : p)));
      return;
    }
    if (f.id && this.answered(f.id, e)) return;
    this.set({ error: e.code });
  }

  // --- messages

  private pending(pending: Pending[]): void {
    this.set({ talk: { ...this.state.talk, pending } });
    this.keeper.set({ outbox: pending });
  }

  private unsent(): Frame[] {
    return this.state.talk.pending.filter((p) => !p.failed).map(frameOf);
  }

  say(what: Omit<Pending, 'client_id' | 'at'>): void {
    const p: Pending = { ...what, client_id: crypto.randomUUID(), at: new Date().toISOString() };
    this.pending([...this.state.talk.pending, p]);
    const f = frameOf(p);
    this.link.send(f.type, f.data, f.id);
    this.typedAt = 0;
  }

  resend(clientID: string): void {
    this.pending(this.state.talk.pending.map((p) => (p.client_id === clientID ? { ...p, failed: undefined } : p)));
    const p = this.state.talk.pending.find((each) => each.client_id === clientID);
    if (!p) return;
    const f = frameOf(p);
    this.link.send(f.type, f.data, f.id);
  }

  discard(clientID: string): void {
    this.pending(this.state.talk.pending.filter((p) => p.client_id !== clientID));
  }

  typed(draft: string): void {
    this.keeper.set({ draft });
    const now = Date.now();
    if (!draft || now - this.typedAt < TYPING_EVERY) return;
    this.typedAt = now;
    this.link.send('typing', { on: true });
  }

  answer(data: Record<string, string>): void {
    this.keeper.set({ answered: true });
    this.set({ answered: true });
    this.attributes = { data: { ...this.attributes.data, ...data } };
    if (Object.keys(data).length > 0) void this.ask('attributes', { data }).catch(() => {});
  }

  private looking(): boolean {
    return this.state.open && document.visibilityState === 'visible';
  }

  /** Tells what has been seen, here and to those who wrote it. */
  private see(): void {
    const { talk } = this.state;
    const last = talk.messages.findLast((m: Message) => !m.mine);
    if (last && this.looking()) {
      const seen = { ...this.keeper.value.seen };
      for (const m of talk.messages) seen[m.conversation_id] = Math.max(seen[m.conversation_id] ?? 0, m.seq);
      this.keeper.set({ seen });
      if (last.status !== 'read' && !last.unsent) this.link.send('seen', { upto: last.id, read: true });
    } else if (last && last.status !== 'delivered' && last.status !== 'read') {
      this.link.send('seen', { upto: last.id, read: false });
    }
    this.tell({ type: 'unread', count: unreadCount(talk, this.keeper.value.seen), title: '' });
  }

  private showTyping(on: boolean): void {
    clearTimeout(this.typingEnds);
    if (on) this.typingEnds = setTimeout(() => this.set({ typing: false }), TYPING_FOR);
    if (this.state.typing !== on) this.set({ typing: on });
  }

  // --- files

  /** Sends a file up; the answer is its id, to be sent with a message. */
  upload(file: File, progress: (share: number) => void): Promise<{ id: string; name: string; kind: string }> {
    const { visitor, secret } = this.keeper.value;
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      request.open('POST', `/widget/${this.config.account}/uploads`);
      request.setRequestHeader('Tandem-Visitor', visitor ?? '');
      request.setRequestHeader('Tandem-Secret', secret ?? '');
      if (this.identity && !this.refused)
        request.setRequestHeader('Tandem-Identity', encodeURIComponent(JSON.stringify(this.identity)));
      request.responseType = 'json';
      request.upload.onprogress = (e) => progress(e.total ? e.loaded / e.total : 0);
      request.onload = () => {
        if (request.status < 300) done(request.response);
        else failed(new Refusal(request.response?.code ?? 'upload_failed', ''));
      };
      request.onerror = () => failed(new Refusal('offline', ''));
      const form = new FormData();
      form.append('file', file);
      request.send(form);
    });
  }

  /** A file of the conversation, as an address that only this page can open. */
  async file(id: string, preview = false): Promise<string> {
    const { visitor, secret } = this.keeper.value;
    const headers: Record<string, string> = { 'Tandem-Visitor': visitor ?? '', 'Tandem-Secret': secret ?? '' };
    if (this.identity && !this.refused) headers['Tandem-Identity'] = encodeURIComponent(JSON.stringify(this.identity));
    const answer = await fetch(`/widget/${this.config.account}/files/${id}${preview ? '?preview' : ''}`, { headers });
    if (!answer.ok) throw new Refusal('file', '');
    return URL.createObjectURL(await answer.blob());
  }

  // --- what else there is

  rate = (conversation: string, score: number, comment: string) => this.ask('rate', { conversation, score, comment });
  slots = () => this.ask<{ items: Slot[] }>('slots').then((d) => d.items);
  book = (slot: string, number: string, name: string) => this.ask<Slot>('book', { slot, number, name });
  transcript = (email: string) => this.ask('transcript', { email });
  end = () => this.ask('end').catch(() => {});
}

function frameOf(p: Pending): Frame {
  return {
    v: 1,
    id: `m:${p.client_id}`,
    type: 'message',
    data: {
      client_id: p.client_id,
      text: p.text,
      attachments: p.attachments.map((a) => a.id),
      quote: p.quote?.id,
      choice: p.choice,
    },
  };
}

function refusal(f: Frame): Refusal {
  const { code = 'internal', message = '' } = (f.data ?? {}) as { code?: string; message?: string };
  return new Refusal(code, message);
}
