import type { UseFormReturnType } from '@mantine/form';
import type { Schema } from '../../api/client';

export type WidgetForm = UseFormReturnType<Schema['WidgetSettings']>;

/** What the widget speaks. */
export const languages = ['en', 'zh'];

/** The line that a site puts into its pages; a version makes it another address, of which nothing is cached. */
export const embedCode = (origin: string, name: string, version?: number): string =>
  `<script async src="${origin}/widget.js?account=${encodeURIComponent(name)}${version ? `&v=${version}` : ''}"></script>`;

/** A name that none of the others has: "field1", "field2" … */
export function freeName(word: string, taken: string[]): string {
  let n = 1;
  while (taken.includes(`${word}${n}`)) n++;
  return `${word}${n}`;
}

/** A text by language, without those that are empty. */
export function withText(
  texts: Record<string, string> | undefined,
  language: string,
  text: string,
): Record<string, string> {
  const { [language]: _, ...others } = texts ?? {};
  return text ? { ...others, [language]: text } : others;
}
