import type { Schema } from '../api/client';
import type { Scope } from '../app/session';

export type Permission = Schema['Permission'];

/** Grants per "verb:resource". */
export type Grants = Map<string, Scope>;

const widths: Scope[] = ['own', 'team', 'all'];

/** A list of permissions as a table; wildcards fill every cell that they reach. */
export function toGrants(permissions: Permission[], grantable: Schema['Grantable'][]): Grants {
  const grants: Grants = new Map();
  for (const { resource, verbs } of grantable) {
    for (const verb of verbs) {
      let widest = -1;
      for (const p of permissions) {
        if ((p.verb === '*' || p.verb === verb) && (p.resource === '*' || p.resource === resource)) {
          widest = Math.max(widest, widths.indexOf(p.scope));
        }
      }
      const scope = widths[widest];
      if (scope) grants.set(`${verb}:${resource}`, scope);
    }
  }
  return grants;
}

export function fromGrants(grants: Grants): Permission[] {
  return [...grants].map(([key, scope]) => {
    const [verb = '', resource = ''] = key.split(':');
    return { verb, resource, scope };
  });
}
