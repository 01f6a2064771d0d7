import type { Traits } from './types';

/** How long a text is in the unit that a platform counts in. */
export function lengthIn(text: string, unit: Traits['unit']): number {
  switch (unit) {
    case 'bytes':
      return new TextEncoder().encode(text).length;
    case 'utf16':
      return text.length;
    default:
      return [...text].length;
  }
}

/** How a text goes by SMS (3GPP TS 23.038): in 7-bit letters where it can, else in UCS-2; long ones in parts with a header. */
export interface Segments {
  encoding: 'GSM-7' | 'UCS-2';
  /** Septets, or UTF-16 code units. */
  units: number;
  segments: number;
  /** That still fit into the last segment. */
  left: number;
}

const basic = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
// These take two septets: an escape and the letter.
const extended = new Set('\f^{}\\[~]|€');

/** Counts the segments of a text. A letter is never cut: one that takes two units goes whole into the next segment. */
export function segmentsOf(text: string): Segments {
  const letters = [...text];
  const gsm = letters.every((c) => basic.has(c) || extended.has(c));
  const widths = letters.map((c) => (gsm ? (extended.has(c) ? 2 : 1) : c.length));
  const units = widths.reduce((sum, width) => sum + width, 0);
  const [one, part] = gsm ? [160, 153] : [70, 67];
  const encoding = gsm ? 'GSM-7' : 'UCS-2';
  if (units <= one) return { encoding, units, segments: units === 0 ? 0 : 1, left: one - units };
  let segments = 1;
  let used = 0;
  for (const width of widths) {
    if (used + width > part) {
      segments += 1;
      used = 0;
    }
    used += width;
  }
  return { encoding, units, segments, left: part - used };
}
