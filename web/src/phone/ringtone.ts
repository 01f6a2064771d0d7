// Two soft notes a fourth apart, twice a second and a half: heard across a room, bearable the two-hundredth time.
const NOTES = [659.26, 880];
const EVERY = 2.4;

/** The ring, made of oscillators: nothing to download, nothing that can fail to decode. */
export class Ringtone {
  private timer: ReturnType<typeof setInterval> | undefined;
  private gain: GainNode | null = null;

  constructor(private readonly context: () => AudioContext) {}

  get ringing(): boolean {
    return this.gain !== null;
  }

  start(volume: number): void {
    this.stop();
    const context = this.context();
    this.gain = new GainNode(context, { gain: volume });
    this.gain.connect(context.destination);
    const phrase = () => {
      for (const [index, frequency] of NOTES.entries()) {
        this.note(context, frequency, context.currentTime + 0.05 + index * 0.22);
        this.note(context, frequency, context.currentTime + 0.75 + index * 0.22);
      }
    };
    phrase();
    this.timer = setInterval(phrase, EVERY * 1000);
  }

  stop(): void {
    clearInterval(this.timer);
    this.gain?.disconnect();
    this.gain = null;
  }

  private note(context: AudioContext, frequency: number, at: number): void {
    if (!this.gain) return;
    const envelope = new GainNode(context, { gain: 0 });
    envelope.gain.setValueAtTime(0, at);
    envelope.gain.linearRampToValueAtTime(0.5, at + 0.02);
    envelope.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    envelope.connect(this.gain);
    for (const [multiple, loudness] of [
      [1, 0.7],
      [2, 0.18],
    ] as const) {
      const part = new GainNode(context, { gain: loudness });
      const tone = new OscillatorNode(context, { type: 'sine', frequency: frequency * multiple });
      tone.connect(part).connect(envelope);
      tone.start(at);
      tone.stop(at + 0.55);
    }
  }
}
