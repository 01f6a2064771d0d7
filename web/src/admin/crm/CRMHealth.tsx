import { Alert, Anchor, Button, Stack } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { crmHealthQuery, crmWaitingQuery, recordingsQuery } from '../../api/queries';
import { useAct } from '../../api/useSave';
import { useCan } from '../../app/session';
import { type Column, DataTable } from '../../ui/DataTable';
import { notifyDone } from '../../ui/notify';
import { Facts, Section } from '../../ui/Page';
import { State, Tag, type Tone } from '../../ui/State';
import { DateTime } from '../../ui/time';
import classes from '../admin.module.css';

type Health = Schema['CRMHealth'];
type Pending = Schema['CRMPending'];

/** How the CRM does, and what waits for it and why. */
export function CRMHealth() {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const health = useQuery(crmHealthQuery);
  const waiting = useQuery(crmWaitingQuery);
  const resume = useAct({
    act: () => body(api.POST('/api/v1/crm-connection/resume')),
    nouns: ['crm-connection', 'recordings'],
    done: () => notifyDone(t('crm.resumed')),
  });
  const columns: Column<Pending>[] = [
    { id: 'kind', header: t('crm.kind'), cell: (p) => t(`crm.kinds.${p.kind}`, p.kind) },
    { id: 'since', header: t('crm.since'), width: 120, cell: (p) => <DateTime time={p.created_at} short /> },
    { id: 'next', header: t('recordings.next'), width: 120, cell: (p) => <DateTime time={p.next_try_at} short /> },
    {
      id: 'why',
      header: t('recordings.error'),
      cell: (p) => (
        <>
          {p.quarantined && <Tag tone="bad">{t('crm.refusedForGood')}</Tag>} {p.last_error || t('crm.inTurn')}
        </>
      ),
    },
  ];
  return (
    <Stack gap="md" miw={0}>
      <div className={classes.panel}>
        <Section
          title={t('crm.health')}
          actions={
            can('write', 'crm-connection') && (
              <Button variant="default" size="compact-sm" loading={resume.isPending} onClick={() => resume.mutate()}>
                {t('recordings.retry')}
              </Button>
            )
          }
        >
          {health.data && <Summary health={health.data} />}
        </Section>
      </div>
      <div className={classes.panel}>
        <Section title={t('crm.waiting')}>
          <DataTable
            label={t('crm.waiting')}
            rows={waiting.data}
            loading={waiting.isPending}
            error={waiting.error}
            onRetry={waiting.refetch}
            columns={columns}
            rowKey={(p) => p.id}
            empty={t('crm.nothing')}
          />
        </Section>
        {can('read', 'recordings') && <Recordings />}
      </div>
    </Stack>
  );
}

function stateOf(h: Health): [Tone, 'refused' | 'paused' | 'failing' | 'well' | 'unused'] {
  if (h.refused_since) return ['bad', 'refused'];
  if (h.parked_until) return ['warn', 'paused'];
  if (h.failed_at && (!h.succeeded_at || h.failed_at > h.succeeded_at)) return ['warn', 'failing'];
  return h.succeeded_at ? ['good', 'well'] : ['quiet', 'unused'];
}

function Summary({ health: h }: { health: Health }) {
  const { t, i18n } = useTranslation('admin');
  const [tone, state] = stateOf(h);
  const all = h.succeeded + h.failed;
  const share = new Intl.NumberFormat(i18n.language, { style: 'percent', maximumFractionDigits: 2 });
  return (
    <Stack gap="sm">
      {h.refused_since && (
        <Alert role="alert" variant="light" color="red" icon={<IconAlertTriangle size={18} />} p="sm">
          {t('crm.refusedText')}
        </Alert>
      )}
      <Facts
        rows={[
          [
            t('crm.state'),
            <State key="s" tone={tone}>
              {t(`crm.states.${state}`)}
            </State>,
          ],
          [t('crm.lastSuccess'), <DateTime key="d" time={h.succeeded_at} short />],
          [
            t('crm.lastFailure'),
            h.failed_at ? (
              <>
                <DateTime time={h.failed_at} short /> {h.last_error}
              </>
            ) : (
              '–'
            ),
          ],
          [t('crm.rate'), all > 0 ? `${share.format(h.succeeded / all)} (${h.succeeded}/${all})` : '–'],
          [t('crm.pausedUntil'), <DateTime key="p" time={h.parked_until} short />],
          [
            t('crm.waits'),
            <span key="w" className="tnum">
              {h.waiting}
            </span>,
          ],
        ]}
      />
    </Stack>
  );
}

function Recordings() {
  const { t } = useTranslation('admin');
  const recordings = useQuery(recordingsQuery);
  const count = recordings.data?.length ?? 0;
  return (
    <Anchor component={Link} to="/admin/recordings" size="sm" mt="xs">
      {t('crm.recordings', { count })}
    </Anchor>
  );
}
