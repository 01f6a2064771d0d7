import { Anchor, Select, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { contactQuery, queuesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import { contactName } from '../contacts/name';
import { DialLink } from '../desktop/DialLink';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Facts } from '../ui/Page';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';
import { FieldInputs } from './FieldInputs';
import { Promised } from './Promised';
import classes from './tickets.module.css';
import { useTicketTypes } from './types';
import { priorities } from './words';

type Change = Schema['TicketChange'];

/** The ticket's fields; each is saved as soon as it is changed. */
export function TicketDetails({ ticket }: { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const people = usePeople();
  const queues = useQuery(queuesQuery);
  const types = useTicketTypes();
  const locked = !can('write', 'tickets');
  const save = useSave({
    save: (change: Change) =>
      body(api.PATCH('/api/v1/tickets/{id}', { params: { path: { id: ticket.id } }, body: change })),
    nouns: ['tickets'],
  });
  const assignees = people.list.map((user) => ({ value: user.id, label: user.name }));
  if (ticket.assignee && !assignees.some((a) => a.value === ticket.assignee)) {
    assignees.push({ value: ticket.assignee, label: people.nameOf(ticket.assignee) });
  }
  return (
    <aside className={classes.panel} aria-label={t('ticket.details')}>
      <Stack gap="sm">
        <Select
          label={t('ticket.priority')}
          disabled={locked}
          data={priorities.map((value) => ({ value, label: t(`priority.${value}`) }))}
          value={ticket.priority}
          onChange={(priority) => priority && save.mutate({ priority: priority as Change['priority'] })}
        />
        <Select
          label={t('ticket.type')}
          disabled={locked}
          data={types.options}
          value={ticket.type}
          onChange={(type) => type && save.mutate({ type })}
        />
        <Select
          label={t('ticket.assignee')}
          placeholder={t('ticket.nobody')}
          disabled={locked}
          searchable
          data={assignees}
          value={ticket.assignee ?? null}
          onChange={(assignee) => assignee && save.mutate({ assignee })}
        />
        <FieldInputs ticket={ticket} />
        {save.error && <ErrorNotice error={save.error} />}
        <Facts
          rows={[
            ...ticket.promises.map((p): [string, ReactNode] => [
              t(`sla.${p.kind}`),
              <Promised key={p.kind} standing={p.standing} due={p.due_at} />,
            ]),
            [t('ticket.contact'), <ContactLink key="contact" id={ticket.contact_id} />],
            [t('ticket.queue'), queues.data?.find((q) => q.id === ticket.queue_id)?.name ?? '–'],
            [t('ticket.created'), <DateTime key="created" time={ticket.created_at} />],
            [t('ticket.updated'), <DateTime key="updated" time={ticket.updated_at} />],
            [t('ticket.resolved'), <DateTime key="resolved" time={ticket.resolved_at} />],
            ...ticket.surveys.map((s): [string, ReactNode] => [t('survey.answer'), <Rating key={s.id} survey={s} />]),
          ]}
        />
      </Stack>
    </aside>
  );
}

function Rating({ survey }: { survey: Schema['Survey'] }) {
  const { t } = useTranslation('crm');
  if (survey.score === undefined) {
    return <span className="quiet">{t(survey.sent_at ? 'survey.sent' : 'survey.notSent')}</span>;
  }
  return (
    <>
      <State tone={survey.score > 3 ? 'good' : survey.score === 3 ? 'info' : 'bad'}>
        {t('survey.of', { score: survey.score })}
      </State>
      {survey.comment && <div>{survey.comment}</div>}
    </>
  );
}

function ContactLink({ id }: { id: string | undefined }) {
  const { t } = useTranslation('crm');
  const { data } = useQuery({ ...contactQuery(id ?? ''), enabled: id !== undefined });
  if (!id) return '–';
  return (
    <>
      <Anchor component={Link} to={`/contacts/${id}`} size="sm">
        {data ? contactName(data) || data.phone || t('contact.unnamed') : t('contact.one')}
      </Anchor>
      {data?.phone && (
        <div>
          <DialLink number={data.phone} />
        </div>
      )}
    </>
  );
}
