import { Button, Code, Group, Modal, NativeSelect, Stack } from '@mantine/core';
import { IconRepeat } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { webhookDeliveriesQuery, webhookDeliveryQuery } from '../../api/queries';
import { useAct, useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { type Column, DataTable } from '../../ui/DataTable';
import { notifyDone } from '../../ui/notify';
import { Section } from '../../ui/Page';
import { State, type Tone } from '../../ui/State';
import { DateTime } from '../../ui/time';
import { useCloseLabel } from '../../ui/useCloseLabel';

type Webhook = Schema['Webhook'];
type Delivery = Schema['WebhookDelivery'];

const tones: Record<Delivery['state'], Tone> = { waiting: 'info', delivered: 'good', failed: 'bad' };
const states = ['waiting', 'delivered', 'failed'] as const;

/** What was sent to an endpoint, and what waits for it. */
export function DeliveryLog({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation(['webhooks', 'common']);
  const [state, setState] = useState<Delivery['state'] | ''>('');
  const [open, setOpen] = useState<Delivery | null>(null);
  const mayReplay = useCan()('write', 'webhooks') && webhook.enabled;
  const deliveries = useQuery(webhookDeliveriesQuery(webhook.id, state));
  const columns = useMemo(
    (): Column<Delivery>[] => [
      { id: 'at', header: t('common:time'), width: 130, cell: (d) => <DateTime time={d.created_at} short /> },
      { id: 'type', header: t('type'), cell: (d) => d.type },
      {
        id: 'state',
        header: t('state'),
        width: 120,
        cell: (d) => <State tone={tones[d.state]}>{t(`deliveryStates.${d.state}`)}</State>,
      },
      { id: 'answer', header: t('answer'), width: 170, cell: (d) => <Answer {...d} tried={!!d.tried_at} /> },
      {
        id: 'tries',
        header: t('tries'),
        width: 70,
        align: 'right',
        cell: (d) => <span className="tnum">{d.attempts}</span>,
      },
      { id: 'next', header: t('next'), width: 120, cell: (d) => <DateTime time={d.next_try_at} short /> },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 130,
        align: 'right',
        cell: (d) => (mayReplay && d.kept ? <Replay webhook={webhook} delivery={d} /> : null),
      },
    ],
    [t, mayReplay, webhook],
  );
  return (
    <Section
      title={t('log')}
      actions={
        <Group gap="xs">
          {mayReplay && webhook.failed > 0 && <ReplayFailed webhook={webhook} />}
          <NativeSelect
            aria-label={t('state')}
            value={state}
            onChange={(e) => setState(e.currentTarget.value as typeof state)}
            data={[
              { value: '', label: t('anyState') },
              ...states.map((s) => ({ value: s, label: t(`deliveryStates.${s}`) })),
            ]}
          />
        </Group>
      }
    >
      <DataTable
        label={t('log')}
        rows={deliveries.data}
        loading={deliveries.isPending}
        error={deliveries.error}
        onRetry={deliveries.refetch}
        columns={columns}
        rowKey={(d) => d.id}
        onOpen={setOpen}
        empty={t('logEmpty')}
      />
      {open && <Details webhook={webhook} delivery={open} onClose={() => setOpen(null)} />}
    </Section>
  );
}

function Answer(props: { status: number; failure?: string; tried: boolean }) {
  const { t } = useTranslation('webhooks');
  const { status, failure, tried } = props;
  if (!tried) return <span className="quiet">{t('none')}</span>;
  return <>{failure ? t(`failures.${failure}`, { status }) : t('ok', { status })}</>;
}

function Replay({ webhook, delivery }: { webhook: Webhook; delivery: Delivery }) {
  const { t } = useTranslation('webhooks');
  const replay = useAct({
    act: () =>
      api.POST('/api/v1/webhooks/{id}/deliveries/{delivery}/replay', {
        params: { path: { id: webhook.id, delivery: delivery.id } },
      }),
    nouns: ['webhooks'],
    done: () => notifyDone(t('replayed')),
  });
  return (
    <Button
      variant="default"
      size="compact-sm"
      aria-label={t('replayOf', { type: delivery.type })}
      loading={replay.isPending}
      onClick={() => replay.mutate()}
    >
      {t('replay')}
    </Button>
  );
}

function ReplayFailed({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation('webhooks');
  const replay = useSave({
    save: () => body(api.POST('/api/v1/webhooks/{id}/replay', { params: { path: { id: webhook.id } } })),
    nouns: ['webhooks'],
    quiet: true,
    done: (all) => notifyDone(t('replayedAll', { count: all.deliveries })),
  });
  return (
    <Button
      variant="default"
      size="compact-sm"
      leftSection={<IconRepeat size={15} />}
      loading={replay.isPending}
      onClick={() => replay.mutate()}
    >
      {t('replayFailed')}
    </Button>
  );
}

function Details(props: { webhook: Webhook; delivery: Delivery; onClose: () => void }) {
  const { t } = useTranslation('webhooks');
  const close = useCloseLabel();
  const { data } = useQuery(webhookDeliveryQuery(props.webhook.id, props.delivery.id));
  return (
    <Modal
      opened
      size="lg"
      title={`${t('details')}: ${props.delivery.type}`}
      onClose={props.onClose}
      closeButtonProps={close}
    >
      <Stack gap="md">
        <p className="quiet" style={{ margin: 0 }}>
          webhook-id {props.delivery.message_id}
        </p>
        <ol style={{ margin: 0, paddingInlineStart: 20 }} aria-label={t('tries')}>
          {data?.log.map((a) => (
            <li key={a.n}>
              <DateTime time={a.at} /> <Answer status={a.status} failure={a.failure ?? ''} tried />{' '}
              <span className="quiet tnum">{t('millis', { millis: a.millis })}</span>
            </li>
          ))}
        </ol>
        <strong style={{ fontWeight: 550 }}>{t('body')}</strong>
        {data?.body ? (
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {JSON.stringify(JSON.parse(data.body), null, 2)}
          </Code>
        ) : (
          <span className="quiet">{t('forgotten')}</span>
        )}
      </Stack>
    </Modal>
  );
}
