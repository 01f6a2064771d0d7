import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { contactsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { MoreButton } from '../ui/MoreButton';
import { Page } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { DateTime } from '../ui/time';
import { ContactForm } from './ContactForm';
import { contactName } from './name';

type Contact = Schema['Contact'];

export function Contacts() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text.trim(), 250);
  const [making, setMaking] = useState(false);
  const contacts = useInfiniteQuery(contactsQuery(search));
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
      <SearchInput label={t('contact.search')} value={text} onChange={setText} width={320} />
      <DataTable
        label={t('contact.title')}
        rows={rows}
        loading={contacts.isPending}
        error={contacts.error}
        onRetry={contacts.refetch}
        columns={columns}
        rowKey={(c) => c.id}
        onOpen={(c) => void navigate({ to: '/contacts/$id', params: { id: c.id } })}
        empty={search ? t('contact.noMatch') : t('contact.empty')}
        emptyText={search ? undefined : t('contact.emptyText')}
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
