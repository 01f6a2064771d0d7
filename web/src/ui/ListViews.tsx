import { Button, Menu, Switch, TextInput } from '@mantine/core';
import { IconBookmark, IconBookmarkPlus, IconTrash } from '@tabler/icons-react';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useAct, useSave } from '../api/useSave';
import { useMe } from '../app/session';
import { useConfirm } from './confirm';
import { FormModal } from './FormModal';

type View = Schema['ListView'];
type Filter = Record<string, string>;

const of = (id: string) => ({ params: { path: { id } } });

/** The lists that have views, each with its routes. */
const lists = {
  tickets: {
    query: queryOptions({
      queryKey: ['ticket-views'],
      queryFn: async () => (await body(api.GET('/api/v1/ticket-views'))).items,
    }),
    add: (view: Schema['ListViewInput']) => body(api.POST('/api/v1/ticket-views', { body: view })),
    remove: (id: string) => api.DELETE('/api/v1/ticket-views/{id}', of(id)),
  },
  contacts: {
    query: queryOptions({
      queryKey: ['contact-views'],
      queryFn: async () => (await body(api.GET('/api/v1/contact-views'))).items,
    }),
    add: (view: Schema['ListViewInput']) => body(api.POST('/api/v1/contact-views', { body: view })),
    remove: (id: string) => api.DELETE('/api/v1/contact-views/{id}', of(id)),
  },
};

interface ListViewsProps {
  list: keyof typeof lists;
  /** What the list's address says of it now. */
  filter: Filter;
  onChoose: (filter: Filter) => void;
}

/** The views of a list, one's own and those that are shared, and the way to keep what is shown as another. */
export function ListViews({ list, filter, onChoose }: ListViewsProps) {
  const { t } = useTranslation('common');
  const me = useMe().id;
  const confirm = useConfirm();
  const { query, remove: removeView } = lists[list];
  const { data: views = [] } = useQuery(query);
  const [keeping, setKeeping] = useState(false);
  const remove = useAct<string>({ act: removeView, nouns: [...query.queryKey] });
  const current = views.find((view) => same(view.filter, filter));
  const ask = (view: View) =>
    confirm({
      title: t('views.remove'),
      text: view.name,
      action: t('delete'),
      onConfirm: () => remove.mutate(view.id),
    });
  return (
    <>
      <Menu position="bottom-start" width={270}>
        <Menu.Target>
          <Button variant="default" leftSection={<IconBookmark size={15} aria-hidden />}>
            {current?.name ?? t('views.title')}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.length === 0 && <Menu.Label>{t('views.none')}</Menu.Label>}
          {views.map((view) => (
            <div key={view.id} style={{ display: 'flex', alignItems: 'stretch' }}>
              <Menu.Item
                style={{ flex: 1 }}
                aria-current={view === current || undefined}
                rightSection={view.shared && <span className="quiet">{t('views.shared')}</span>}
                onClick={() => onChoose(view.filter)}
              >
                {view.name}
              </Menu.Item>
              {view.owner_id === me && (
                <Menu.Item
                  w="auto"
                  display="flex"
                  aria-label={`${t('delete')}: ${view.name}`}
                  onClick={() => ask(view)}
                >
                  <IconTrash size={14} aria-hidden />
                </Menu.Item>
              )}
            </div>
          ))}
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconBookmarkPlus size={15} aria-hidden />}
            disabled={current !== undefined || Object.keys(filter).length === 0}
            onClick={() => setKeeping(true)}
          >
            {t('views.keep')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {keeping && <KeepView list={list} filter={filter} onClose={() => setKeeping(false)} />}
    </>
  );
}

function KeepView({ list, filter, onClose }: { list: keyof typeof lists; filter: Filter; onClose: () => void }) {
  const { t } = useTranslation('common');
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  const { query, add } = lists[list];
  const save = useSave({ save: () => add({ name, shared, filter }), nouns: [...query.queryKey], done: onClose });
  return (
    <FormModal
      opened
      title={t('views.keep')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <TextInput
        label={t('views.name')}
        required
        data-autofocus
        maxLength={60}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Switch label={t('views.share')} checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
    </FormModal>
  );
}

const same = (a: Filter, b: Filter): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);
