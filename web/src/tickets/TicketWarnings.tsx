import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { ticketQuery } from '../api/queries';
import { useMe } from '../app/session';
import { usePhone } from '../phone/react';
import { notifyNotice } from '../ui/notify';

/** Says at once that a promise of one's own ticket is about to be broken, or is, whatever page is open. */
export function TicketWarnings() {
  const { t } = useTranslation('crm');
  const phone = usePhone();
  const me = useMe();
  const queries = useQueryClient();
  useEffect(
    () =>
      phone.onLog(({ type, subject }) => {
        if (!subject || (type !== 'ticket.sla_at_risk' && type !== 'ticket.sla_breached')) return;
        queries
          .fetchQuery({ ...ticketQuery(subject), staleTime: 0 })
          .then((ticket) => {
            if (ticket.assignee !== me.id) return;
            const say = type === 'ticket.sla_at_risk' ? 'sla.warnAtRisk' : 'sla.warnBreached';
            notifyNotice(
              t(say, { number: ticket.number, title: ticket.title }),
              `${type} ${subject}`.replace(/\W/g, '-'),
            );
          })
          // One that is out of reach is nobody's own.
          .catch(() => undefined);
      }),
    [phone, me.id, queries, t],
  );
  return null;
}
