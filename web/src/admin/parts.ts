/** The parts of the administration, in groups, each with the noun whose read permission opens it. */
export const partGroups = [
  {
    group: 'people',
    parts: [
      ['users', 'users'],
      ['teams', 'teams'],
      ['agents', 'agents'],
      ['agent-groups', 'queues'],
      ['skills', 'queues'],
      ['presences', 'queues'],
      ['roles', 'roles'],
    ],
  },
  {
    group: 'routing',
    parts: [
      ['queues', 'queues'],
      ['numbers', 'numbers'],
      ['trunks', 'trunks'],
      ['outbound', 'trunks'],
      ['trace', 'trunks'],
      ['bots', 'bots'],
      ['prompts', 'prompts'],
      ['notifications', 'prompts'],
      ['hours', 'hours'],
    ],
  },
  {
    group: 'chat',
    parts: [
      ['channels', 'channels'],
      ['templates', 'channels'],
      ['canned', 'channels'],
      ['widget', 'channels'],
      ['chat-settings', 'channels'],
    ],
  },
  {
    group: 'data',
    parts: [
      ['recordings', 'recordings'],
      ['attributes', 'attributes'],
      ['sla', 'sla'],
      ['ticket-types', 'ticket-settings'],
      ['crm', 'crm-connection'],
      ['panel', 'crm-connection'],
      ['webhooks', 'webhooks'],
    ],
  },
  {
    group: 'security',
    parts: [
      ['keys', 'api-keys'],
      ['bans', 'trunks'],
      ['audit', 'audit'],
    ],
  },
] as const;

export type Part = (typeof partGroups)[number]['parts'][number][0];

/** The noun behind a part; undefined for a path that is none. */
export function nounOf(part: string): string | undefined {
  for (const { parts } of partGroups) {
    for (const [name, noun] of parts) if (name === part) return noun;
  }
  return undefined;
}
