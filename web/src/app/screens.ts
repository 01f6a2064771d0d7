import { type Me, scopeOf } from './session';

export type Screen = 'desktop' | 'supervisor' | 'voicemails' | 'reports' | 'tickets' | 'contacts' | 'admin';

/** An agent is whoever may take calls of their own. */
export function isAgent(me: Pick<Me, 'permissions'>): boolean {
  return scopeOf(me, 'write', 'calls') !== null;
}

const wide = (me: Pick<Me, 'permissions'>, verb: string, resource: string) => {
  const scope = scopeOf(me, verb, resource);
  return scope === 'team' || scope === 'all';
};

const adminOf = [
  'users',
  'roles',
  'numbers',
  'trunks',
  'bots',
  'prompts',
  'queues',
  'hours',
  'crm-connection',
  'channels',
  'api-keys',
];

/** The screens that a person's permissions open, in the order of the navigation. */
export function screensOf(me: Pick<Me, 'permissions'>): Screen[] {
  const screens: Screen[] = [];
  if (isAgent(me)) screens.push('desktop');
  if (wide(me, 'read', 'calls') || wide(me, 'read', 'agents')) screens.push('supervisor');
  if (scopeOf(me, 'read', 'reports')) screens.push('reports');
  if (scopeOf(me, 'read', 'voicemails')) screens.push('voicemails');
  if (scopeOf(me, 'read', 'tickets')) screens.push('tickets');
  if (scopeOf(me, 'read', 'contacts')) screens.push('contacts');
  if (adminOf.some((noun) => scopeOf(me, 'write', noun) !== null) || scopeOf(me, 'read', 'audit'))
    screens.push('admin');
  return screens;
}
