import { type Frame, parseFrame } from './protocol';

export interface SocketEvents {
  opened: () => void;
  frame: (frame: Frame) => void;
  /** refused: the server knows us and says no (1008, 4401, 4403): trying again would not help. */
  closed: (refused: boolean) => void;
}

const PING_EVERY = 15_000;
const DEAD_AFTER = 35_000;
const REFUSED = new Set([1008, 4401, 4403]);

/** One WebSocket after the other to the same address. It knows frames, silence and the greeting, not what frames mean. */
export class Socket {
  private ws: WebSocket | null = null;
  private heard = 0;
  private watch: ReturnType<typeof setInterval> | undefined;
  private count = 0;
  private welcomed = false; // the server takes nothing but hello before, and closes on it

  constructor(
    private readonly url: string,
    private readonly events: SocketEvents,
  ) {}

  open(): void {
    this.close();
    const ws = new WebSocket(this.url);
    this.ws = ws;
    this.welcomed = false;
    this.heard = Date.now();
    ws.onopen = () => {
      if (this.ws !== ws) return;
      this.heard = Date.now();
      this.events.opened();
    };
    ws.onmessage = (message) => {
      if (this.ws !== ws) return;
      this.heard = Date.now();
      const frame = parseFrame(String(message.data));
      if (frame?.type === 'welcome') this.welcomed = true;
      if (frame) this.events.frame(frame);
    };
    ws.onclose = (event) => this.ended(ws, REFUSED.has(event.code));
    this.watch = setInterval(() => {
      if (Date.now() - this.heard > DEAD_AFTER) this.ended(ws, false);
      else this.send('ping', 0);
    }, PING_EVERY);
  }

  /** False: it was not sent, because the socket is not open or the server has not said welcome yet. */
  send(type: string, ack: number, data?: unknown, call?: string): boolean {
    if (this.ws?.readyState !== WebSocket.OPEN || (!this.welcomed && type !== 'hello')) return false;
    this.count += 1;
    const frame: Frame = { v: 1, id: `c${this.count}`, type };
    if (ack > 0) frame.ack = ack;
    if (call) frame.call = call;
    if (data !== undefined) frame.data = data;
    this.ws.send(JSON.stringify(frame));
    return true;
  }

  /** Ends the socket without telling `closed`. */
  close(): void {
    clearInterval(this.watch);
    const ws = this.ws;
    this.ws = null;
    if (!ws) return;
    ws.onopen = null;
    ws.onmessage = null;
    ws.onclose = null;
    ws.close();
  }

  private ended(ws: WebSocket, refused: boolean): void {
    if (this.ws !== ws) return;
    this.close();
    this.events.closed(refused);
  }
}
