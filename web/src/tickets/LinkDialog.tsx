import { SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { contactName } from '../contacts/name';
import { activityQuery, contactListQuery } from '../contacts/queries';
import { FormModal } from '../ui/FormModal';
import { dateTime } from '../ui/format';
import { TicketSelect } from './TicketSelect';
import { talkIn } from './talk';

const kinds = ['talk', 'ticket', 'contact'] as const;
type Kind = (typeof kinds)[number];

/** Links a ticket to a call or conversation, to another ticket, or to a contact. */
export function LinkDialog({ ticket, onClose }: { ticket: Schema['TicketPage']; onClose: () => void }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const [kind, setKind] = useState<Kind>(ticket.contact_id || !can('read', 'contacts') ? 'talk' : 'contact');
  const [chosen, setChosen] = useState<string | null>(null);
  const path = { params: { path: { id: ticket.id } } };
  const save = useSave({
    save: (id: string) => {
      if (kind === 'contact') return body(api.PATCH('/api/v1/tickets/{id}', { ...path, body: { contact_id: id } }));
      const [noun = '', item = ''] = kind === 'ticket' ? ['ticket', id] : id.split(' ');
      const link = (to: string) =>
        body(api.POST('/api/v1/tickets/{id}/links', { ...path, body: { [`${to}_id`]: item } }));
      return noun === 'either' ? link('call').catch(() => link('conversation')) : link(noun);
    },
    nouns: ['tickets', 'contacts'],
    done: onClose,
  });
  const field = { label: t(`link.${kind}`), value: chosen, onChange: setChosen };
  return (
    <FormModal
      opened
      title={t('link.title')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={() => chosen && save.mutate(chosen)}
    >
      <SegmentedControl
        fullWidth
        aria-label={t('link.title')}
        data={kinds
          .filter((value) => value !== 'contact' || can('read', 'contacts'))
          .map((value) => ({ value, label: t(`link.${value}`) }))}
        value={kind}
        onChange={(value) => {
          setKind(value as Kind);
          setChosen(null);
        }}
      />
      {kind === 'ticket' ? (
        <TicketSelect ticket={ticket} {...field} />
      ) : kind === 'contact' ? (
        <ContactSelect {...field} />
      ) : (
        <Talk ticket={ticket} {...field} />
      )}
    </FormModal>
  );
}

interface ChoiceProps {
  label: string;
  value: string | null;
  onChange: (id: string | null) => void;
}

function ContactSelect(props: ChoiceProps) {
  const { t } = useTranslation('crm');
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text.trim(), 250);
  const found = useInfiniteQuery(contactListQuery({ search, group: 'all', list: null, tag: null }));
  return (
    <Select
      {...props}
      placeholder={t('contact.search')}
      required
      searchable
      nothingFoundMessage={t('contact.noMatch')}
      data={(found.data?.pages[0]?.items ?? []).map((one) => ({
        value: one.id,
        label: [contactName(one), one.phone].filter(Boolean).join(' · ') || t('contact.unnamed'),
      }))}
      // The server has looked already.
      filter={({ options }) => options}
      onSearchChange={setText}
    />
  );
}

/** A call or conversation: one of the contact's last ones, or any that one has the address of. */
function Talk({ ticket, ...props }: ChoiceProps & { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const [text, setText] = useState('');
  const unknown = text.trim() !== '' && !talkIn(text);
  return (
    <>
      {can('read', 'contacts') && (
        <TalkSelect
          {...props}
          ticket={ticket}
          value={text ? null : props.value}
          required={!text}
          onChange={(talk) => {
            setText('');
            props.onChange(talk);
          }}
        />
      )}
      <TextInput
        label={t('link.address')}
        description={t('link.addressHelp')}
        required={!can('read', 'contacts')}
        maxLength={2000}
        value={text}
        error={unknown && t('link.addressUnknown')}
        onChange={(event) => {
          setText(event.currentTarget.value);
          props.onChange(talkIn(event.currentTarget.value) ?? null);
        }}
      />
    </>
  );
}

/** What happened with the ticket's contact lately and is not linked yet. */
function TalkSelect({ ticket, ...props }: ChoiceProps & { ticket: Schema['TicketPage']; required: boolean }) {
  const { t, i18n } = useTranslation('crm');
  const activity = useInfiniteQuery({
    ...activityQuery(ticket.contact_id ?? ''),
    enabled: ticket.contact_id !== undefined,
  });
  if (!ticket.contact_id) return <Text size="sm">{t('link.noContact')}</Text>;
  const talks = activity.data?.pages
    .flatMap((page) => page.items)
    .filter((one) => one.kind === 'call' || one.kind === 'conversation')
    .filter((one) => !ticket.links.some((link) => link.id === one.id));
  return (
    <Select
      {...props}
      placeholder={talks?.length === 0 ? t('link.noTalks') : ''}
      searchable
      data={(talks ?? []).map((one) => ({
        value: `${one.kind} ${one.id}`,
        label: `${t(one.kind === 'call' ? 'ticket.call' : 'ticket.conversation')} · ${dateTime(one.at, i18n.language)}`,
      }))}
    />
  );
}
