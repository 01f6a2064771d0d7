import { Anchor, Button, Group, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { SearchInput } from '../ui/SearchInput';
import { Tag } from '../ui/State';
import classes from './actions.module.css';
import { RecordLink } from './RecordLink';

type Known = Schema['CallCRM'];
type Wish = Schema['RecordChoice'];

const LOOKING = 1_000;

const recordQuery = (id: string) => ({
  queryKey: ['calls', id, 'crm'],
  queryFn: () => body(api.GET('/api/v1/calls/{id}/crm', { params: { path: { id } } })),
  refetchInterval: (query: { state: { data?: Known | undefined } }) =>
    query.state.data?.state === 'looking' ? LOOKING : false,
});

/** Who calls, as the CRM knows them, and where in the CRM the call goes. */
export function CallRecord({ call, choosing }: { call: string; choosing: boolean }) {
  const { t } = useTranslation('desktop');
  const { data: known } = useQuery(recordQuery(call));
  const [open, setOpen] = useState(false);
  if (!known) return null;
  const crm = known.label;
  const shown = known.tickets.filter((ticket) => ticket.open).slice(0, 5);
  return (
    <section className={classes.actions} aria-label={t('record.title', { crm })} data-crm={known.state}>
      <Title order={3}>{t('record.title', { crm })}</Title>
      {known.contact ? (
        <RecordLink url={known.contact.url} label={known.contact.name || t('record.contact')} />
      ) : (
        <Text size="sm" c={known.state === 'silent' ? 'var(--t-warn)' : 'dimmed'} role="status">
          {t(`record.${known.state}`, { crm })}
        </Text>
      )}
      {shown.length > 0 && (
        <ul className={classes.list} aria-label={t('record.tickets')}>
          {shown.map((ticket) => (
            <li key={ticket.id}>
              <RecordLink url={ticket.url} label={ticket.title} />
            </li>
          ))}
        </ul>
      )}
      {known.wanted && (
        <>
          <Group gap="xs">
            <Text size="sm">{t('record.goes')}</Text>
            <Tag tone={known.choice.begun ? 'quiet' : 'info'}>{choiceText(known.choice, t)}</Tag>
          </Group>
          <Text size="xs" c="dimmed">
            {known.choice.begun ? t('record.begun', { crm }) : known.choice.held ? t('record.held') : null}
          </Text>
          {choosing && !known.choice.begun && (
            <Group gap="xs">
              <Button
                size="compact-sm"
                variant="default"
                aria-expanded={open}
                data-action="choose-record"
                onClick={() => setOpen(!open)}
              >
                {t('record.choose')}
              </Button>
            </Group>
          )}
          {open && choosing && !known.choice.begun && <Choose call={call} known={known} close={() => setOpen(false)} />}
        </>
      )}
    </section>
  );
}

function choiceText(choice: Schema['CRMChoice'], t: (key: string, more?: Record<string, string>) => string): string {
  if (choice.kind === 'contact') return t('record.chosenContact', { name: choice.label ?? '' });
  if (choice.kind === 'ticket') return choice.label || t('record.ticket');
  if (choice.kind === 'new') return t('record.chosenNew');
  return t('record.automatic');
}

/** What there is to choose: the caller's tickets, or what a search finds. */
function Choose({ call, known, close }: { call: string; known: Known; close: () => void }) {
  const { t } = useTranslation('desktop');
  const [text, setText] = useState('');
  const searching = text.trim().length > 1;
  const search = useQuery({
    queryKey: ['calls', call, 'crm', 'search', text.trim()],
    queryFn: () =>
      body(api.GET('/api/v1/calls/{id}/crm/search', { params: { path: { id: call }, query: { text: text.trim() } } })),
    enabled: searching,
  });
  const choose = useSave({
    save: (wish: Wish) => body(api.PUT('/api/v1/calls/{id}/crm', { params: { path: { id: call } }, body: wish })),
    nouns: ['calls'],
    quiet: true,
    done: close,
  });
  const tickets = searching ? (search.data?.tickets ?? []) : known.tickets;
  const contacts = searching ? (search.data?.contacts ?? []) : [];
  const failed = choose.error ?? search.error;
  return (
    <div className={classes.form}>
      <SearchInput
        label={t(known.searches ? 'record.search' : 'record.searchNumber')}
        value={text}
        onChange={setText}
        width="100%"
      />
      {failed && <ErrorNotice error={failed} />}
      <ul className={classes.list} aria-label={t('record.found')} aria-busy={search.isFetching}>
        <Option label={t('record.chosenNew')} pick={() => choose.mutate({ kind: 'new' })} kind="new" />
        <Option label={t('record.automatic')} pick={() => choose.mutate({ kind: 'automatic' })} kind="automatic" />
        {contacts.map((one) => {
          const label = one.name || one.id;
          return (
            <Option
              key={one.id}
              label={t('record.chosenContact', { name: label })}
              pick={() => choose.mutate({ kind: 'contact', record: one.id, label })}
              kind="contact"
            />
          );
        })}
        {tickets.map((one) => (
          <Option
            key={one.id}
            label={one.title}
            open={one.open}
            pick={() => choose.mutate({ kind: 'ticket', record: one.id, label: one.title })}
            kind="ticket"
          />
        ))}
      </ul>
      {searching && search.data && tickets.length + contacts.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('record.nothing')}
        </Text>
      )}
    </div>
  );
}

function Option({ label, kind, open, pick }: { label: string; kind: string; open?: boolean; pick: () => void }) {
  const { t } = useTranslation('desktop');
  return (
    <Group component="li" gap="xs">
      <Anchor component="button" type="button" size="sm" ta="left" data-choice={kind} onClick={pick}>
        {label}
      </Anchor>
      {open !== undefined && (
        <Tag tone={open ? 'info' : 'quiet'}>{t(open ? 'record.ticketOpen' : 'record.ticketClosed')}</Tag>
      )}
    </Group>
  );
}
