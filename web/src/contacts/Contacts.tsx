import { Button, Group, SegmentedControl, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPencil, IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { MoreButton } from '../ui/MoreButton';
import { Page } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { DateTime } from '../ui/time';
import { ContactForm } from './ContactForm';
import classes from './contacts.module.css';
import { ListForm } from './ListForm';
import { contactName } from './name';
import {
  type Contact,
  type ContactFilter,
  type ContactList,
  contactListQuery,
  contactListsQuery,
  contactTagsQuery,
} from './queries';

export function Contacts() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text.trim(), 250);
  const [making, setMaking] = useState(false);
  const [filter, setFilter] = useState<Omit<ContactFilter, 'search'>>({ group: 'all', list: null, tag: null });
  const contacts = useInfiniteQuery(contactListQuery({ ...filter, search }));
  const narrowed = search !== '' || filter.group !== 'all' || filter.list !== null || filter.tag !== null;
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
        can('write', 'contacts') && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
            {t('contact.new')}
          </Button>
        )
      }
    >
      <div className={classes.filters}>
        <SearchInput label={t('contact.search')} value={text} onChange={setText} width={280} />
        <Filters filter={filter} onChange={setFilter} />
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

type Narrow = Omit<ContactFilter, 'search'>;

function Filters({ filter, onChange }: { filter: Narrow; onChange: (filter: Narrow) => void }) {
  const { t } = useTranslation('contacts');
  const can = useCan();
  const lists = useQuery(contactListsQuery);
  const tags = useQuery(contactTagsQuery);
  const [editing, setEditing] = useState<ContactList | 'new' | null>(null);
  const chosen = lists.data?.find((list) => list.id === filter.list);
  return (
    <>
      <SegmentedControl
        aria-label={t('group')}
        data={(['all', 'mine', 'team'] as const).map((value) => ({ value, label: t(`groups.${value}`) }))}
        value={filter.group}
        onChange={(group) => onChange({ ...filter, group: group as Narrow['group'] })}
      />
      <Select
        aria-label={t('tag')}
        placeholder={t('anyTag')}
        clearable
        searchable
        w={150}
        data={tags.data ?? []}
        value={filter.tag}
        onChange={(tag) => onChange({ ...filter, tag })}
      />
      <Select
        aria-label={t('list')}
        placeholder={t('anyList')}
        clearable
        searchable
        w={190}
        nothingFoundMessage={t('noLists')}
        data={lists.data?.map((list) => ({ value: list.id, label: list.name })) ?? []}
        value={filter.list}
        onChange={(list) => onChange({ ...filter, list })}
      />
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
            if (editing !== 'new') onChange({ ...filter, list: null });
          }}
        />
      )}
    </>
  );
}
