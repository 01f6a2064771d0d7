export interface Piece {
  text: string;
  href?: string;
}

const address = /\b(?:https?:\/\/[^\s<>"']+|mailto:[^\s<>"']+@[^\s<>"']+|tel:\+?[\d-]{3,20})/gi;

/** Cuts a text into words and links: http, https, mailto and tel only, and nothing else becomes one. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(address)) {
    const shown = match[0].replace(/[.,;:!?)\]}]+$/, '');
    let href = shown;
    try {
      href = new URL(shown).href;
    } catch {
      continue;
    }
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: shown, href });
    from = match.index + shown.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}
