/** A contact's name; empty for one without. Family name first where it is written in Chinese. */
export function contactName(contact: { first_name: string; last_name: string }): string {
  const first = contact.first_name.trim();
  const last = contact.last_name.trim();
  if (/\p{Script=Han}/u.test(last + first)) return last + first;
  return [first, last].filter(Boolean).join(' ');
}
