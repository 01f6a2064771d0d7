import { ActionIcon, Select } from '@mantine/core';
import { IconAt, IconBookmark, IconInbox, IconStack2, IconUserQuestion, IconUsers, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { scopeOf, useMe } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { views } from './filter';
import classes from './inbox.module.css';
import { countsQuery, viewsQuery } from './queries';
import { removeView, type SavedView } from './routes';

const icons = { mine: IconInbox, unassigned: IconUserQuestion, team: IconUsers, all: IconStack2, mentions: IconAt };

// The server counts no further in a saved view.
const MOST = 1000;

// What is current is for us to say: the same path shows all of them.
const exact = { exact: true };

/** The views that are of use to somebody: what only others' conversations fill is not for those who see none. */
function useViews() {
  const me = useMe();
  const scope = scopeOf(me, 'read', 'conversations');
  const counts = useQuery(countsQuery);
  const saved = useQuery(viewsQuery);
  return {
    own: views.filter((view) => (view === 'team' ? scope !== 'own' : view === 'all' ? scope === 'all' : true)),
    saved: saved.data ?? [],
    count: (view: string): string => {
      const count = views.some((name) => name === view)
        ? counts.data?.[view as (typeof views)[number]]
        : counts.data?.saved[view];
      return count === undefined ? '' : count < MOST ? String(count) : `${MOST - 1}+`;
    },
  };
}

/** The views as a list with how many conversations are in each. */
export function Views() {
  const { t } = useTranslation('inbox');
  const { view: current = 'mine' } = useSearch({ from: '/app/' });
  const { own, saved, count } = useViews();
  return (
    <nav className={classes.views} aria-label={t('viewsTitle')}>
      {own.map((view) => {
        const Icon = icons[view];
        return (
          <Link
            key={view}
            to="/"
            search={{ part: 'inbox', view }}
            className={classes.view}
            activeOptions={exact}
            aria-current={view === current ? 'page' : undefined}
          >
            <Icon size={16} stroke={1.7} aria-hidden />
            <span className={classes.viewName}>{t(`views.${view}`)}</span>
            <span className={classes.viewCount}>{count(view)}</span>
          </Link>
        );
      })}
      {saved.map((view) => (
        <Saved key={view.id} view={view} current={view.id === current} count={count(view.id)} />
      ))}
    </nav>
  );
}

function Saved({ view, current, count }: { view: SavedView; current: boolean; count: string }) {
  const { t } = useTranslation(['inbox', 'common']);
  const confirm = useConfirm();
  const me = useMe().id;
  const navigate = useNavigate();
  const remove = useAct({
    act: () => removeView(view.id),
    nouns: ['saved-views', 'conversations'],
    done: () => current && void navigate({ to: '/', search: { part: 'inbox' } }),
  });
  return (
    <div className={classes.saved}>
      <Link
        to="/"
        search={{ part: 'inbox', view: view.id }}
        className={classes.view}
        activeOptions={exact}
        aria-current={current ? 'page' : undefined}
      >
        <IconBookmark size={16} stroke={1.7} aria-hidden />
        <span className={classes.viewName}>{view.name}</span>
        <span className={classes.viewCount}>{count}</span>
      </Link>
      {view.owner_id === me && (
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={`${t('common:delete')}: ${view.name}`}
          onClick={() =>
            confirm({
              title: t('deleteView'),
              text: view.name,
              action: t('common:delete'),
              onConfirm: () => remove.mutate(),
            })
          }
        >
          <IconX size={13} />
        </ActionIcon>
      )}
    </div>
  );
}

/** The views where there is no room for a list of them. */
export function ViewSelect({ view }: { view: string }) {
  const { t } = useTranslation('inbox');
  const navigate = useNavigate();
  const { own, saved, count } = useViews();
  const label = (name: string, id: string) => (count(id) ? `${name} (${count(id)})` : name);
  return (
    <div className={classes.viewSelect}>
      <Select
        aria-label={t('viewsTitle')}
        data={[
          ...own.map((value) => ({ value: value as string, label: label(t(`views.${value}`), value) })),
          ...saved.map((one) => ({ value: one.id, label: label(one.name, one.id) })),
        ]}
        value={view}
        onChange={(value) => value && void navigate({ to: '/', search: { part: 'inbox', view: value } })}
      />
    </div>
  );
}
