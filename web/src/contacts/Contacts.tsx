import { Button, type ComboboxData, Group, SegmentedControl, Select } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconPencil, IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { ListViews } from '../ui/ListViews';
import { MoreButton } from '../ui/MoreButton';
import { Page } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { DateTime } from '../ui/time';
import { ContactForm } from './ContactForm';
import classes from './contacts.module.css';
import { ListForm } from './ListForm';
import { contactName } from './name';
import { type Contact, type ContactList, contactListQuery, contactListsQuery, contactTagsQuery } from './queries';
import { type ContactSearch, filterOf, groups, readSearch } from './search';

export function Contacts() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const navigate = useNavigate();
  const search = useSearch({ from: '/app/contacts' });
  const [text, setText] = useState(search.q ?? '');
  // A view that was chosen brings its own.
  useEffect(() => setText((typed) => (typed.trim() === (search.q ?? '') ? typed : (search.q ?? ''))), [search.q]);
  const [making, setMaking] = useState(false);
  const show = (next: Record<string, unknown>) =>
    void navigate({ to: '/contacts', search: readSearch(next), replace: true });
  const find = useDebouncedCallback((q: string) => show({ ...search, q: q.trim() }), 250);
  const contacts = useInfiniteQuery(contactListQuery(filterOf(search)));
  const narrowed = Object.keys(search).length > 0;
  const rows = useMemo(() => contacts.data?.pages.flatMap((page) => page.items), [contacts.data]);
  const columns = useMemo(
    (): Column<Contact>[] => [
      {
        id: 'name',
        header: t('contact.name'),
        sort: contactName,
        cell: (c) => (
          <strong style={{ fontWeight: 550 }}>
            {contactName(c) || <span className="quiet">{t('contact.unnamed')}</span>}
          </strong>
        ),
      },
      {
        id: 'phone',
        header: t('contact.phone'),
        width: 170,
        cell: (c) => <span className="tnum">{c.phone || '–'}</span>,
      },
      {
        id: 'email',
        header: t('contact.email'),
        sort: (c) => c.email,
        cell: (c) => c.email || <span className="quiet">–</span>,
      },
      {
        id: 'company',
        header: t('contact.company'),
        sort: (c) => c.company,
        cell: (c) => c.company || <span className="quiet">–</span>,
      },
      {
        id: 'last',
        header: t('contact.lastContacted'),
        width: 160,
        align: 'right',
        sort: (c) => (c.contacted_at ? Date.parse(c.contacted_at) : 0),
        cell: (c) => <DateTime time={c.contacted_at} short />,
      },
    ],
    [t],
  );
  return (
    <Page
      title={t('contact.title')}
      actions={
        <>
          <ListViews list="contacts" filter={{ ...search }} onChoose={show} />
          {can('write', 'contacts') && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
              {t('contact.new')}
            </Button>
          )}
        </>
      }
    >
      <div className={classes.filters}>
        <SearchInput
          label={t('contact.search')}
          value={text}
          width={280}
          onChange={(value) => {
            setText(value);
            find(value);
          }}
        />
        <Filters search={search} onChange={(change) => show({ ...search, ...change })} />
      </div>
      <DataTable
        label={t('contact.title')}
        rows={rows}
        loading={contacts.isPending}
        error={contacts.error}
        onRetry={contacts.refetch}
        columns={columns}
        rowKey={(c) => c.id}
        onOpen={(c) => void navigate({ to: '/contacts/$id', params: { id: c.id } })}
        empty={narrowed ? t('contact.noMatch') : t('contact.empty')}
        emptyText={narrowed ? undefined : t('contact.emptyText')}
        footer={<MoreButton query={contacts} />}
      />
      <ContactForm
        opened={making}
        onClose={() => setMaking(false)}
        onSaved={(made) => void navigate({ to: '/contacts/$id', params: { id: made.id } })}
      />
    </Page>
  );
}

type Change = { [K in keyof ContactSearch]?: ContactSearch[K] | 'all' | null };

function Filters({ search, onChange }: { search: ContactSearch; onChange: (change: Change) => void }) {
  const { t } = useTranslation('contacts');
  const can = useCan();
  const lists = useQuery(contactListsQuery);
  const tags = useQuery(contactTagsQuery);
  const [editing, setEditing] = useState<ContactList | 'new' | null>(null);
  const chosen = lists.data?.find((list) => list.id === search.list);
  const choice = (name: 'tag' | 'list', label: string, any: string, data: ComboboxData) => (
    <Select
      aria-label={label}
      placeholder={any}
      clearable
      searchable
      w={170}
      nothingFoundMessage={name === 'list' ? t('noLists') : undefined}
      data={data}
      value={search[name] ?? null}
      onChange={(value) => onChange({ [name]: value })}
    />
  );
  return (
    <>
      <SegmentedControl
        aria-label={t('group')}
        data={groups.map((value) => ({ value, label: t(`groups.${value}`) }))}
        value={search.group ?? 'all'}
        onChange={(group) => onChange({ group: group as (typeof groups)[number] })}
      />
      {choice('tag', t('tag'), t('anyTag'), tags.data ?? [])}
      {choice('list', t('list'), t('anyList'), lists.data?.map((one) => ({ value: one.id, label: one.name })) ?? [])}
      {can('write', 'contacts') && (
        <Group gap={4}>
          {chosen && (
            <Button
              variant="subtle"
              size="compact-sm"
              leftSection={<IconPencil size={14} aria-hidden />}
              onClick={() => setEditing(chosen)}
            >
              {t('editList')}
            </Button>
          )}
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => setEditing('new')}
          >
            {t('newList')}
          </Button>
        </Group>
      )}
      {editing && (
        <ListForm
          list={editing === 'new' ? null : editing}
          onClose={() => {
            setEditing(null);
            if (editing !== 'new') onChange({ list: null });
          }}
        />
      )}
    </>
  );
}
