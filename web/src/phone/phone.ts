import { Ear } from './ear';
import { type Effect, inCall, initialPhone, type PhoneEvent, type PhoneState, step, supervises } from './machine';
import { Microphone, PROOF_LEVEL } from './microphone';
import { Peer } from './peer';
import type { CallView, LiveFrame, LogEvent, Offer, Ring, Welcome } from './protocol';
import { Ringtone, standardRing } from './ringtone';
import { forgetTab, readDevices, readTab, writeTab } from './settings';
import { Socket } from './socket';
import { StatsMeter, type StatsReport } from './stats';

export interface PhoneConfig {
  url: string;
  /** What `hello` says of us: a one-time ticket, or that this is a customer. Rejects with {refused: true} when it is no use to try again. */
  credentials: () => Promise<Record<string, unknown>>;
  /** An agent's phone outlives a reload of the page; a customer's does not. */
  persistent: boolean;
}

export class Refused extends Error {}

const STATS_EVERY = 5_000;
// How loud chats ring while somebody talks.
const IN_CALL = 0.25;
const PROOF_EVERY = 100;
// Heard in this many looks: a click of the headset's plug is not speech.
const PROOF_LOOKS = 3;

type Listener<T> = (value: T) => void;

/** The softphone: carries out what the machine (machine.ts) decides, with one socket, one peer connection and one microphone. */
export class Phone {
  readonly microphone = new Microphone(() => this.audio());
  private readonly ear = new Ear(() => this.audio());
  readonly streams: [MediaStream | null, MediaStream | null] = [null, null];
  quality: StatsReport | null = null;

  private state: PhoneState;
  private readonly socket: Socket;
  private readonly ringtone = new Ringtone(() => this.audio());
  private readonly bells = new Set<Ringtone>();
  private peer: Peer | null = null;
  private meter = new StatsMeter();
  private context: AudioContext | null = null;
  private iceServers: RTCIceServer[] = [];
  private hello: Promise<Record<string, unknown>> | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private timers: ReturnType<typeof setInterval>[] = [];
  private looks = 0;
  private startingMedia = false;

  private readonly changed = new Set<() => void>();
  private readonly streamed = new Set<() => void>();
  private readonly logged = new Set<Listener<LogEvent>>();
  private readonly lively = new Set<Listener<LiveFrame>>();
  private readonly rang = new Set<Listener<Offer | null>>();
  private readonly endedCalls = new Set<Listener<CallView>>();

  constructor(private readonly config: PhoneConfig) {
    const memory = config.persistent ? readTab() : null;
    this.state = memory
      ? { ...initialPhone, resume: memory.resume, lastSeq: memory.lastSeq, micProven: memory.micProven }
      : initialPhone;
    this.socket = new Socket(config.url, {
      opened: () => this.dispatch({ type: 'opened' }),
      frame: (frame) => {
        if (frame.type === 'welcome' || frame.type === 'rtc.servers') this.setServers(frame.data as Welcome);
        // Pictures of others' work are no matter of the phone's, and too many for its listeners.
        if (frame.type === 'live') for (const listener of this.lively) listener(frame.data as LiveFrame);
        this.dispatch({ type: 'frame', frame });
      },
      closed: (refused) => this.dispatch({ type: 'closed', refused }),
    });
  }

  getState = (): PhoneState => this.state;

  subscribe = (listener: () => void): (() => void) => subscribe(this.changed, listener);
  onStreams = (listener: () => void): (() => void) => subscribe(this.streamed, listener);
  onLog = (listener: Listener<LogEvent>): (() => void) => subscribe(this.logged, listener);
  onLive = (listener: Listener<LiveFrame>): (() => void) => subscribe(this.lively, listener);
  /** Asks for the frames of a live list, or for no more of them; they end with the socket. False while it is away. */
  watch(list: LiveFrame['list'], on: boolean): boolean {
    return this.socket.send(on ? 'live.subscribe' : 'live.unsubscribe', this.state.lastSeq, { list });
  }
  /** Told the offer when ringing begins and null when it ends. */
  onRing = (listener: Listener<Offer | null>): (() => void) => subscribe(this.rang, listener);
  onCallEnded = (listener: Listener<CallView>): (() => void) => subscribe(this.endedCalls, listener);

  /** Connects. Media comes up by itself only where it was up before a reload; otherwise goOnline asks for it. */
  start(): void {
    this.timers = [
      setInterval(() => void this.reportStats(), STATS_EVERY),
      setInterval(() => this.proveMicrophone(), PROOF_EVERY),
    ];
    window.addEventListener('online', this.networkChanged);
    this.dispatch({ type: 'start' });
    if (this.config.persistent && readTab().online) void this.goOnline();
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    window.removeEventListener('online', this.networkChanged);
    this.dispatch({ type: 'stop' });
    for (const bell of this.bells) bell.stop();
    clearTimeout(this.retryTimer);
    this.dropPeer();
    this.microphone.close();
    this.ear.close();
    void this.context?.close();
    this.context = null;
  }

  /** Forgets the session: the next start is a new one (sign-out). */
  forget(): void {
    forgetTab();
    this.state = { ...initialPhone };
  }

  dispatch = (event: PhoneEvent): void => {
    const [next, effects] = step(this.state, event);
    const before = this.state;
    this.state = next;
    for (const effect of effects) this.carryOut(effect);
    if (before !== next) for (const listener of this.changed) listener();
  };

  /** Brings the peer connection up to hear with, without a microphone: goOnline may add one later, in the same connection. */
  listen(): void {
    if (this.peer || this.startingMedia) return;
    void this.audio().resume();
    this.newPeer(null);
  }

  /** RMS of what is heard just now, 0…1. */
  heardLevel(): number {
    return this.ear.level(this.streams[0]);
  }

  /** Asks for the microphone, unlocks sound and brings the peer connection up. To be called from a click the first time. */
  async goOnline(): Promise<void> {
    if ((this.peer && this.microphone.track) || this.startingMedia) return;
    this.startingMedia = true;
    this.dispatch({ type: 'media', media: 'asking' });
    try {
      void this.audio().resume();
      const track = this.microphone.track ?? (await this.openMicrophone());
      track.onended = () => this.dispatch({ type: 'micChanged' });
      this.microphone.setMuted(this.state.muted);
      if (this.peer) {
        await this.peer.setMicrophone(track);
        this.dispatch({ type: 'media', media: this.peer.connected ? 'connected' : 'connecting' });
        this.remember();
      } else this.newPeer(track);
    } catch (error) {
      this.dispatch({ type: 'media', media: 'off', fault: error instanceof Error ? error.name : 'NotFoundError' });
    } finally {
      this.startingMedia = false;
    }
  }

  /** Takes the microphone that the settings name now, without a new offer. It has to be heard again. */
  async changeMicrophone(): Promise<void> {
    this.dispatch({ type: 'micChanged' });
    const track = await this.openMicrophone();
    this.microphone.setMuted(this.state.muted);
    await this.peer?.setMicrophone(track);
  }

  /** Rings a tone once, to try it or the volume; not while it really rings. done is called when it has ended by itself. */
  previewRing(tone: string = standardRing.tone, done?: () => void): void {
    if (this.state.offer) {
      done?.();
      return;
    }
    void this.audio().resume();
    this.ringtone.start({ tone, every_seconds: 0 }, readDevices().ringVolume, done);
  }

  /** Ends a preview. */
  endPreview(): void {
    if (!this.state.offer) this.ringtone.stop();
  }

  /** Rings for something else than a call, and quietly while one is on. Returns what ends it. */
  chime(ring: Ring): () => void {
    if (this.state.offer) return () => undefined; // a call rings louder than all else
    const bell = new Ringtone(() => this.audio());
    bell.start(ring, readDevices().ringVolume * (inCall(this.state.call) ? IN_CALL : 1));
    this.bells.add(bell);
    return () => {
      bell.stop();
      this.bells.delete(bell);
    };
  }

  /** The browser would not play without a click; this is the click. */
  unblock(): void {
    void this.audio().resume();
    if (!this.microphone.track) this.dispatch({ type: 'media', media: 'off' });
    else this.dispatch({ type: 'media', media: this.peer?.connected ? 'connected' : 'connecting' });
    for (const listener of this.streamed) listener();
  }

  private carryOut(effect: Effect): void {
    switch (effect.do) {
      case 'open':
        this.hello = this.config.credentials();
        this.hello.catch(() => undefined);
        this.socket.open();
        break;
      case 'close':
        this.socket.close();
        break;
      case 'hello':
        void this.sayHello();
        break;
      case 'retryIn':
        clearTimeout(this.retryTimer);
        // Jitter: a restarted node must not meet all its agents in the same millisecond.
        this.retryTimer = setTimeout(() => this.dispatch({ type: 'retry' }), effect.ms * (0.75 + Math.random() / 2));
        break;
      case 'send':
        this.socket.send(effect.type, this.state.lastSeq, effect.data ?? {}, effect.call ?? this.state.call?.id);
        break;
      case 'ring':
        this.ringtone.start(effect.offer.tone ?? standardRing, readDevices().ringVolume);
        for (const listener of this.rang) listener(effect.offer);
        break;
      case 'silence':
        this.ringtone.stop();
        for (const listener of this.rang) listener(null);
        break;
      case 'setMuted':
        this.microphone.setMuted(effect.muted);
        break;
      case 'ensureMedia':
        void this.goOnline();
        break;
      case 'listen':
        this.listen();
        break;
      case 'answer':
        void this.peer?.answer(effect.sdp).catch(() => this.peer?.negotiate(true));
        break;
      case 'candidate':
        void this.peer?.addCandidate(effect.candidate).catch(() => undefined);
        break;
      case 'negotiate':
        this.peer?.negotiate(false);
        break;
      case 'reconnectMedia':
        this.reconnectMedia(effect.sameSession);
        break;
      case 'remember':
        this.remember();
        break;
      case 'log':
        for (const listener of this.logged) listener(effect.event);
        break;
      case 'callEnded':
        for (const listener of this.endedCalls) listener(effect.call);
    }
  }

  private async sayHello(): Promise<void> {
    try {
      const data = await this.hello;
      const { resume, lastSeq } = this.state;
      this.socket.send('hello', 0, resume ? { ...data, resume, last_seq: lastSeq } : data);
    } catch (error) {
      this.socket.close();
      this.dispatch({ type: 'closed', refused: error instanceof Refused });
    }
  }

  /** TURN servers and credentials that are good for some minutes: the next look for a path uses them. */
  private setServers({ ice_servers = [] }: Pick<Welcome, 'ice_servers'>): void {
    this.iceServers = ice_servers;
    this.peer?.setServers(ice_servers);
  }

  private reconnectMedia(sameSession: boolean): void {
    if (!this.peer) return;
    if (sameSession) {
      void this.peer.recover();
      return;
    }
    const track = this.microphone.track;
    this.dropPeer();
    if (track || supervises(this.state.supervision)) this.newPeer(track);
  }

  private newPeer(track: MediaStreamTrack | null): void {
    this.meter = new StatsMeter();
    if (track) this.dispatch({ type: 'media', media: 'connecting' });
    const peer = new Peer(track, this.iceServers, {
      offer: (sdp) => this.socket.send('rtc.offer', this.state.lastSeq, { sdp }),
      candidate: (candidate) => this.socket.send('rtc.candidate', this.state.lastSeq, { candidate }),
      state: (media) => {
        if (!this.microphone.track) return; // who only listens is not online
        if (this.state.media !== 'blocked' || media !== 'connected') this.dispatch({ type: 'media', media });
      },
      track: (index, stream) => {
        this.streams[index] = stream;
        for (const listener of this.streamed) listener();
      },
    });
    this.peer = peer;
    peer.negotiate(false);
    this.remember();
  }

  private dropPeer(): void {
    this.peer?.close();
    this.peer = null;
    this.streams[0] = null;
    this.streams[1] = null;
    for (const listener of this.streamed) listener();
  }

  private readonly networkChanged = (): void => {
    if (this.state.link === 'reconnecting') this.dispatch({ type: 'retry' });
    else this.peer?.negotiate(true);
  };

  private remember(): void {
    if (!this.config.persistent) return;
    const { resume, lastSeq, micProven } = this.state;
    writeTab({ resume, lastSeq, micProven, online: this.peer !== null && this.microphone.track !== null });
  }

  private openMicrophone(): Promise<MediaStreamTrack> {
    const { microphone, processing } = readDevices();
    return this.microphone.open(microphone, processing);
  }

  private audio(): AudioContext {
    this.context ??= new AudioContext({ latencyHint: 'interactive' });
    return this.context;
  }

  private async reportStats(): Promise<void> {
    if (!this.peer?.connected || !inCall(this.state.call)) return;
    const report = await this.peer.stats();
    const quality = this.meter.read(report as unknown as Map<string, Record<string, unknown>>);
    this.quality = quality;
    this.socket.send('rtc.stats', this.state.lastSeq, { ...quality }, this.state.call?.id);
    for (const listener of this.changed) listener();
  }

  private proveMicrophone(): void {
    if (this.state.micProven || this.state.link !== 'online' || !this.microphone.track) return;
    const level = this.microphone.level();
    // Speech has pauses: a quiet look takes back a little, not all.
    this.looks = level >= PROOF_LEVEL ? this.looks + 1 : Math.max(0, this.looks - 0.25);
    if (this.looks < PROOF_LOOKS) return;
    this.looks = 0;
    this.dispatch({ type: 'micHeard', level: Math.round(level * 1000) / 1000 });
  }
}

function subscribe<T>(set: Set<T>, listener: T): () => void {
  set.add(listener);
  return () => set.delete(listener);
}
