import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { webhooksQuery } from '../../api/queries';
import type { Column } from '../../ui/DataTable';
import { State } from '../../ui/State';
import { Made } from '../APIKeys';
import { ListPage } from '../ListPage';
import { WebhookForm } from './WebhookForm';

type Webhook = Schema['Webhook'];

function stateOf(w: Webhook): 'good' | 'failing' | 'off' {
  if (!w.enabled) return 'off';
  return w.failing_since ? 'failing' : 'good';
}

const tones = { good: 'good', failing: 'warn', off: 'quiet' } as const;

/** Where other programs hear of events. */
export function Webhooks() {
  const { t } = useTranslation(['webhooks', 'admin', 'common']);
  const [secret, setSecret] = useState('');
  const webhooks = useQuery(webhooksQuery);
  const columns = useMemo(
    (): Column<Webhook>[] => [
      {
        id: 'url',
        header: t('url'),
        sort: (w) => w.url,
        cell: (w) => (
          <>
            <strong style={{ fontWeight: 550 }}>{w.url}</strong>
            {w.description && <div className="quiet">{w.description}</div>}
          </>
        ),
      },
      {
        id: 'events',
        header: t('events'),
        width: 110,
        align: 'right',
        cell: (w) => <span className="tnum">{w.events.length}</span>,
      },
      {
        id: 'state',
        header: t('state'),
        width: 130,
        sort: stateOf,
        cell: (w) => <State tone={tones[stateOf(w)]}>{t(`states.${stateOf(w)}`)}</State>,
      },
      ...(['waiting', 'failed'] as const).map(
        (what): Column<Webhook> => ({
          id: what,
          header: t(what),
          width: 110,
          align: 'right',
          sort: (w) => w[what],
          cell: (w) => <span className="tnum">{w[what] >= 1000 ? '1000+' : w[what]}</span>,
        }),
      ),
    ],
    [t],
  );
  return (
    <ListPage
      title={t('admin:parts.webhooks')}
      noun="webhooks"
      add={t('add')}
      query={webhooks}
      columns={columns}
      rowKey={(w) => w.id}
      sortBy={{ id: 'url', desc: false }}
      filter={secret && <Made secret={secret} />}
      empty={t('empty')}
      emptyText={t('emptyText')}
      form={(shown, onClose) => (
        // What the list has by now: the state may have changed since the row was opened.
        <WebhookForm
          webhook={webhooks.data?.find((w) => w.id === shown?.id) ?? shown}
          onMade={setSecret}
          onClose={onClose}
        />
      )}
    />
  );
}
