import { pieces } from './links';

/** A text as text, with its addresses as links. */
export function Linked({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((p, i) =>
        p.href ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a text do not move
          <a key={i} href={p.href} target="_blank" rel="noopener noreferrer nofollow">
            {p.text}
          </a>
        ) : (
          p.text
        ),
      )}
    </>
  );
}
