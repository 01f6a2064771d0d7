import type { CannedResponse } from './types';

/** What a canned response or a note may name, and what it becomes. */
export interface Values {
  customer: string;
  agent: string;
  queue: string;
  channel: string;
  account: string;
}

/** The variables of canned responses, as they are written: {{customer.name}}. */
export const variables = [
  'customer.name',
  'customer.first_name',
  'agent.name',
  'agent.first_name',
  'queue',
  'channel',
  'account',
] as const;

const firstWord = (name: string): string => name.trim().split(/\s+/)[0] ?? '';

/** Fills in the variables of a text. What is not known by that name stays as it is written, so that somebody sees it before it is sent. */
export function fill(text: string, values: Values): string {
  const known: Record<string, string> = {
    'customer.name': values.customer,
    'customer.first_name': firstWord(values.customer),
    'agent.name': values.agent,
    'agent.first_name': firstWord(values.agent),
    queue: values.queue,
    channel: values.channel,
    account: values.account,
  };
  return text.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (written, name: string) => known[name.toLowerCase()] ?? written);
}

/** The word before the caret that begins with a sign, and where it begins: "/than" or "@an". */
export function wordAt(text: string, caret: number, sign: '/' | '@'): { word: string; start: number } | undefined {
  const upTo = text.slice(0, caret);
  const start = upTo.lastIndexOf(sign);
  if (start < 0) return undefined;
  // In the middle of a word it is a path or an address.
  if (start > 0 && !/\s/.test(upTo[start - 1] as string)) return undefined;
  const word = upTo.slice(start + 1);
  return /\s/.test(word) || word.length > 40 ? undefined : { word, start };
}

/** The responses for what was typed after the slash: those whose shortcut begins with it first; of the conversation's language before others. */
export function matching(all: CannedResponse[], typed: string, language: string, queue: string | undefined) {
  const wanted = typed.toLowerCase();
  const rank = (r: CannedResponse) =>
    (r.shortcut.toLowerCase().startsWith(wanted) ? 0 : 4) +
    (r.language && r.language === language.slice(0, 2) ? 0 : r.language ? 2 : 1);
  return all
    .filter((r) => !r.queue_id || r.queue_id === queue)
    .filter((r) => [r.shortcut, r.title].some((text) => text.toLowerCase().includes(wanted)))
    .sort((a, b) => rank(a) - rank(b) || a.shortcut.localeCompare(b.shortcut))
    .slice(0, 8);
}
