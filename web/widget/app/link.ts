import type { Frame } from '../protocol';
import { backOff } from './thread';

export type LinkState = 'connecting' | 'online' | 'offline' | 'polling' | 'stopped';

export interface LinkEvents {
  /** What to say first, each time. */
  hello: () => Record<string, unknown>;
  frame: (frame: Frame) => void;
  state: (state: LinkState) => void;
  /** Frames to say again to a page that has no socket. */
  unsent: () => Frame[];
}

// The network that eats a connection says nothing: a ping that is not answered in time is the end of it.
const PING_EVERY = 20_000;
const PONG_WITHIN = 10_000;
const POLL_EVERY = 5_000;
const TRIES_BEFORE_POLLING = 3;

/** The way to the server: a socket that comes back by itself, or requests where no socket gets through. */
export class Link {
  private socket: WebSocket | null = null;
  private tries = 0;
  private state: LinkState = 'stopped';
  private retry: ReturnType<typeof setTimeout> | undefined;
  private ping: ReturnType<typeof setInterval> | undefined;
  private pong: ReturnType<typeof setTimeout> | undefined;
  private opened = false;
  private n = 0;

  constructor(
    private readonly account: string,
    private readonly on: LinkEvents,
  ) {
    addEventListener('online', () => this.again());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.again();
    });
  }

  start(): void {
    if (this.state !== 'stopped') return;
    this.tries = 0;
    this.connect();
  }

  stop(): void {
    clearTimeout(this.retry);
    this.drop();
    this.become('stopped');
  }

  /** Forgets the connection, and who we were in it. */
  restart(): void {
    this.stop();
    this.start();
  }

  send(type: string, data: unknown, id = `f${++this.n}`): string | null {
    if (this.state !== 'online' || this.socket?.readyState !== WebSocket.OPEN) return null;
    this.socket.send(JSON.stringify({ v: 1, id, type, data }));
    return id;
  }

  /** Asks over the socket, or by a request where there is none. */
  async request(frames: Frame[]): Promise<Frame[]> {
    const answer = await fetch(`/widget/${this.account}/sync`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ hello: this.on.hello(), frames }),
      signal: AbortSignal.timeout(15_000),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return ((await answer.json()) as { frames: Frame[] }).frames;
  }

  private become(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.on.state(state);
  }

  private again(): void {
    if (this.state === 'offline' || this.state === 'polling') {
      clearTimeout(this.retry);
      this.connect();
    } else if (this.state === 'online') this.check();
  }

  private connect(): void {
    this.drop();
    if (this.state !== 'polling') this.become('connecting');
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
    this.socket = socket;
    this.opened = false;
    const slow = setTimeout(() => socket.close(), 10_000);
    socket.onopen = () => {
      clearTimeout(slow);
      socket.send(JSON.stringify({ v: 1, id: 'hello', type: 'hello', data: this.on.hello() }));
    };
    socket.onmessage = (e) => {
      if (this.socket !== socket) return;
      const frame = JSON.parse(e.data as string) as Frame;
      clearTimeout(this.pong);
      if (frame.type === 'welcome') {
        this.opened = true;
        this.tries = 0;
        this.become('online');
        this.ping = setInterval(() => this.check(), PING_EVERY);
      }
      this.on.frame(frame);
    };
    socket.onclose = () => {
      clearTimeout(slow);
      if (this.socket !== socket || this.state === 'stopped') return;
      this.drop();
      if (this.state !== 'polling') this.become('offline');
      if (!this.opened && this.tries >= TRIES_BEFORE_POLLING) void this.poll();
      this.retry = setTimeout(() => this.connect(), backOff(this.tries++, Math.random()));
    };
  }

  /** Is somebody there? */
  private check(): void {
    if (!this.send('ping', undefined)) return;
    clearTimeout(this.pong);
    this.pong = setTimeout(() => this.socket?.close(), PONG_WITHIN);
  }

  private async poll(): Promise<void> {
    if (this.state !== 'offline' && this.state !== 'polling') return;
    try {
      const frames = await this.request(this.on.unsent());
      this.become('polling');
      for (const frame of frames) this.on.frame(frame);
      setTimeout(() => void this.poll(), POLL_EVERY);
    } catch {
      if ((this.state as LinkState) === 'polling') this.become('offline');
    }
  }

  private drop(): void {
    clearInterval(this.ping);
    clearTimeout(this.pong);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}
