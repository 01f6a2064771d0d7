/** A piece of a text: words, or a link with the address that it leads to. */
export interface Piece {
  text: string;
  href?: string;
}

// What a link begins with. Anything else that a text may hold (javascript:, data: …) stays text.
const pattern =
  /\b(?:https?:\/\/|mailto:|tel:)[^\s<>"'`\p{Script=Han}，。！？；：、（）「」《》]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/giu;

/** Cuts a text into words and links. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    const link = trimmed(found[0]);
    const href = addressOf(link);
    if (!href) continue;
    if (found.index > from) pieces.push({ text: text.slice(from, found.index) });
    pieces.push({ text: link, href });
    from = found.index + link.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** The address, if a page may lead there: http, https, mailto and tel only. */
export function addressOf(link: string): string | undefined {
  const address = /^[a-z][a-z0-9+.-]*:/i.test(link) ? link : link.includes('@') ? `mailto:${link}` : '';
  try {
    const { protocol, href } = new URL(address);
    return ['http:', 'https:', 'mailto:', 'tel:'].includes(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

// A full stop or a closing bracket after a link belongs to the sentence, unless the bracket was opened within the link.
function trimmed(link: string): string {
  let end = link.length;
  for (;;) {
    const last = link[end - 1] ?? '';
    if (/[.,;:!?*_~]/.test(last)) end -= 1;
    else if (last === ')' && count(link.slice(0, end), ')') > count(link.slice(0, end), '(')) end -= 1;
    else return link.slice(0, end);
  }
}

const count = (text: string, letter: string): number => text.split(letter).length - 1;
