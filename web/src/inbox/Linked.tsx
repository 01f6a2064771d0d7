import { Anchor } from '@mantine/core';
import { linkify } from './links';

/** A text with its links; everything else stays what it is: text. */
export function Linked({ text }: { text: string }) {
  return linkify(text).map((piece, index) =>
    piece.href ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a text have no other identity, and never change their order
      <Anchor key={index} href={piece.href} target="_blank" rel="noopener noreferrer" inherit underline="always">
        {piece.text}
      </Anchor>
    ) : (
      piece.text
    ),
  );
}
