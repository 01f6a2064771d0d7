import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { permissionsQuery } from '../api/queries';
import type { Scope } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import classes from './admin.module.css';
import type { Grants } from './permissions';

const scopes = ['own', 'team', 'all'] as const;
const order = ['read', 'write', 'delete', 'assign', 'monitor', 'barge', 'end', 'presence', 'export', 'access'];

/** Who may do what: resources down, verbs across, in each cell how far it reaches. */
export function PermissionMatrix(props: { grants: Grants; onChange: (grants: Grants) => void; readOnly: boolean }) {
  const { t } = useTranslation('admin');
  const { data, error, refetch } = useQuery(permissionsQuery);
  if (error) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!data) return <Skeleton height={320} />;
  const known = new Set(data.flatMap((g) => g.verbs));
  const verbs = [...order.filter((v) => known.has(v)), ...[...known].filter((v) => !order.includes(v))];
  const set = (key: string, scope: string) => {
    const next: Grants = new Map(props.grants);
    if (scope) next.set(key, scope as Scope);
    else next.delete(key);
    props.onChange(next);
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <section style={{ overflowX: 'auto' }} tabIndex={0} aria-label={t('roles.permissions')}>
      <table className={classes.matrix}>
        <thead>
          <tr>
            <th scope="col">{t('roles.resource')}</th>
            {verbs.map((verb) => (
              <th key={verb} scope="col">
                {t(`roles.verbs.${verb}`, verb)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.map((row) => (
            <Row
              key={row.resource}
              row={row}
              verbs={verbs}
              grants={props.grants}
              readOnly={props.readOnly}
              onSet={set}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row(props: {
  row: Schema['Grantable'];
  verbs: string[];
  grants: Grants;
  readOnly: boolean;
  onSet: (key: string, scope: string) => void;
}) {
  const { t } = useTranslation('admin');
  const resource = t(`roles.resources.${props.row.resource}`, props.row.resource);
  return (
    <tr>
      <th scope="row">{resource}</th>
      {props.verbs.map((verb) => {
        if (!props.row.verbs.includes(verb)) return <td key={verb} />;
        const key = `${verb}:${props.row.resource}`;
        const scope = props.grants.get(key) ?? '';
        return (
          <td key={verb}>
            <select
              aria-label={t('roles.cell', { verb: t(`roles.verbs.${verb}`, verb), resource })}
              data-granted={scope || undefined}
              disabled={props.readOnly}
              value={scope}
              onChange={(event) => props.onSet(key, event.currentTarget.value)}
            >
              <option value="">{t('roles.scope.none')}</option>
              {scopes.map((s) => (
                <option key={s} value={s}>
                  {t(`roles.scope.${s}`)}
                </option>
              ))}
            </select>
          </td>
        );
      })}
    </tr>
  );
}
