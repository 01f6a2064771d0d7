const ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const ADDRESS = new RegExp(`[?&](call|chat|c)=(${ID})(?![\\w-])`, 'i');
const ALONE = new RegExp(`^${ID}$`, 'i');

/** The kind and id of what a page's address shows; of an id alone the kind is not known. */
export function talkIn(text: string): `${'call' | 'conversation' | 'either'} ${string}` | undefined {
  const [, name, id] = text.match(ADDRESS) ?? [];
  if (id) return `${name?.toLowerCase() === 'call' ? 'call' : 'conversation'} ${id}`;
  const alone = text.trim();
  return ALONE.test(alone) ? `either ${alone}` : undefined;
}
