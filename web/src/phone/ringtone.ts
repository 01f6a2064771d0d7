import type { Ring } from './protocol';
import { isBuiltin, lengthOf, type Note, tones } from './tones';

/** What rings where nobody has chosen anything. */
export const standardRing: Ring = { tone: 'classic', every_seconds: 3 };

/** Rings: built-in tones are made of oscillators, with nothing to download; uploaded ones are fetched, and the browser keeps them. */
export class Ringtone {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private gain: GainNode | null = null;

  constructor(private readonly context: () => AudioContext) {}

  get ringing(): boolean {
    return this.gain !== null;
  }

  /** Begins to ring, until stop where it repeats. done is called after a ring that does not repeat, unless it was stopped. */
  start(ring: Ring, volume: number, done?: () => void): void {
    this.stop();
    const context = this.context();
    const gain = new GainNode(context, { gain: volume });
    gain.connect(context.destination);
    this.gain = gain;
    void soundOf(ring.tone, context).then((sound) => {
      // Answered, withdrawn or taken while the tone was fetched.
      if (this.gain === gain) this.play(sound, gain, ring.every_seconds, done);
    });
  }

  /** Silence at once, in the middle of a note too. */
  stop(): void {
    clearTimeout(this.timer);
    this.gain?.disconnect();
    this.gain = null;
  }

  private play(sound: Sound, gain: GainNode, every: number, done?: () => void): void {
    sound.play(gain);
    const again = every > 0;
    // A tone that is longer than the pause is not cut off: the next begins when it is over.
    const next = () => (again ? this.play(sound, gain, every) : this.end(done));
    this.timer = setTimeout(next, Math.max(again ? every : 0, sound.seconds) * 1000);
  }

  private end(done?: () => void): void {
    this.stop();
    done?.();
  }
}

interface Sound {
  seconds: number;
  play: (to: GainNode) => void;
}

const silence: Sound = { seconds: 0, play: () => undefined };

async function soundOf(tone: string, context: AudioContext): Promise<Sound> {
  if (tone === '') return silence;
  if (isBuiltin(tone)) return made(tones[tone]);
  try {
    const buffer = await fetched(tone, context);
    return {
      seconds: buffer.duration,
      play: (to) => {
        const source = new AudioBufferSourceNode(to.context, { buffer });
        source.connect(to);
        source.start();
      },
    };
  } catch {
    // Deleted, or not to be had now: a call must not wait in silence.
    return made(tones.classic);
  }
}

const kept = new Map<string, { version: string; buffer: AudioBuffer }>();

/** Asks each time whether the tone is still the same (the browser's cache knows the file), and decodes it only when it is not. */
async function fetched(tone: string, context: AudioContext): Promise<AudioBuffer> {
  const response = await fetch(`/api/v1/ringtones/${encodeURIComponent(tone)}/audio`, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`ring tone: ${response.status}`);
  const version = response.headers.get('ETag') ?? '';
  const before = kept.get(tone);
  if (before && version !== '' && before.version === version) return before.buffer;
  const buffer = await context.decodeAudioData(await response.arrayBuffer());
  kept.set(tone, { version, buffer });
  return buffer;
}

function made(notes: Note[]): Sound {
  return {
    seconds: lengthOf(notes),
    play: (to) => {
      for (const note of notes) strike(note, to);
    },
  };
}

function strike(note: Note, to: GainNode): void {
  const { context } = to;
  const at = context.currentTime + 0.02 + note.at;
  const end = at + note.seconds;
  const envelope = new GainNode(context, { gain: 0 });
  envelope.gain.setValueAtTime(0, at);
  envelope.gain.linearRampToValueAtTime((note.gain ?? 0.7) / 2, at + Math.min(0.02, note.seconds / 4));
  envelope.gain.exponentialRampToValueAtTime(0.001, end);
  envelope.connect(to);
  const tone = new OscillatorNode(context, { type: note.wave ?? 'sine', frequency: note.hertz });
  if (note.to !== undefined) {
    tone.frequency.setValueAtTime(note.hertz, at);
    tone.frequency.exponentialRampToValueAtTime(note.to, end);
  }
  tone.connect(envelope);
  tone.start(at);
  tone.stop(end + 0.01);
}
