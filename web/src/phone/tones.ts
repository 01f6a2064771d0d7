/** The tones that need no file; the server knows their names too (queues, BuiltinTones). */
export const toneNames = ['classic', 'telephone', 'bell', 'marimba', 'pulse', 'drop'] as const;
export type ToneName = (typeof toneNames)[number];

/** One sound of an oscillator: seconds from the beginning of the tone, and how long. */
export interface Note {
  hertz: number;
  at: number;
  seconds: number;
  wave?: OscillatorType;
  gain?: number;
  /** Where the pitch glides to. */
  to?: number;
}

// A bell's partials are no multiples of one another; that is what makes it one.
const bell = (at: number): Note[] => [
  { hertz: 523.25, at, seconds: 1.8, gain: 0.6 },
  { hertz: 1256, at, seconds: 1.1, gain: 0.28 },
  { hertz: 1884, at, seconds: 0.7, gain: 0.16 },
  { hertz: 2826, at, seconds: 0.35, gain: 0.08 },
];

const warble = (at: number): Note[] =>
  Array.from({ length: 14 }, (_, n) => ({ hertz: n % 2 ? 988 : 784, at: at + n * 0.06, seconds: 0.1, gain: 0.5 }));

const wood = (hertz: number, at: number): Note[] => [
  { hertz, at, seconds: 0.4, gain: 0.65 },
  { hertz: hertz * 4, at, seconds: 0.09, gain: 0.2 },
];

const pair = (at: number): Note[] =>
  [659.26, 880].flatMap((hertz, n) => [
    { hertz, at: at + n * 0.22, seconds: 0.55, gain: 0.7 },
    { hertz: hertz * 2, at: at + n * 0.22, seconds: 0.55, gain: 0.18 },
  ]);

export const tones: Record<ToneName, Note[]> = {
  // Two soft notes a fourth apart, twice: heard across a room, bearable the two-hundredth time.
  classic: [...pair(0), ...pair(0.7)],
  telephone: [...warble(0), ...warble(1.1)],
  bell: bell(0),
  marimba: [523.25, 659.26, 783.99, 1046.5, 783.99, 1046.5].flatMap((hertz, n) => wood(hertz, n * 0.14)),
  pulse: [0, 0.2, 0.4].map((at) => ({ hertz: 880, at, seconds: 0.12, wave: 'square', gain: 0.25 })),
  drop: [
    { hertz: 1320, to: 620, at: 0, seconds: 0.2, gain: 0.7 },
    { hertz: 990, at: 0.16, seconds: 0.35, gain: 0.4 },
  ],
};

export const isBuiltin = (tone: string): tone is ToneName => (toneNames as readonly string[]).includes(tone);

/** How long a tone sounds, in seconds. */
export const lengthOf = (notes: Note[]): number => Math.max(0, ...notes.map((n) => n.at + n.seconds));
