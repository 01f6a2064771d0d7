import { Button, Group, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { promptsQuery, queueEstimateQuery, queuePreviewQuery } from '../../api/queries';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { State, Tag } from '../../ui/State';
import classes from '../admin.module.css';
import { LANGUAGES } from './controls';
import { CHANNELS } from './HoursControls';

// What a datetime-local input wants: local time without a zone.
function localNow(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What happens to somebody who comes to a queue: now, or at a time of one's choice. */
export function OpenPreview({ queue }: { queue: string }) {
  const { t } = useTranslation('admin');
  const [local, setLocal] = useState('');
  const [channel, setChannel] = useState('ivr');
  const [language, setLanguage] = useState('');
  const instant = local ? new Date(local) : null;
  const valid = !instant || !Number.isNaN(instant.getTime());
  const { data, error, refetch } = useQuery({
    ...queuePreviewQuery(queue, {
      channel,
      ...(language && { language }),
      ...(instant && valid && { at: instant.toISOString() }),
    }),
    enabled: valid,
    placeholderData: (before) => before,
  });
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: 14 }}>
      <Group align="flex-end" gap="sm">
        <TextInput
          type="datetime-local"
          label={t('queues.at')}
          w={220}
          value={local || localNow()}
          onChange={(event) => setLocal(event.currentTarget.value)}
        />
        <Select
          label={t('settings.channel')}
          w={150}
          data={CHANNELS.map((c) => ({ value: c, label: t(`settings.channels.${c}`) }))}
          value={channel}
          onChange={(next) => next && setChannel(next)}
        />
        <Select
          label={t('settings.language')}
          w={150}
          data={[{ value: '', label: t('settings.everyLanguage') }, ...LANGUAGES]}
          value={language}
          onChange={(next) => setLanguage(next ?? '')}
        />
        <Button variant="default" disabled={!local} onClick={() => setLocal('')}>
          {t('preview.now')}
        </Button>
      </Group>
      {error && <ErrorNotice error={error} onRetry={refetch} />}
      <div role="status" style={{ minHeight: 60 }}>
        {data && <Story outcome={data} />}
      </div>
      <Waits queue={queue} />
    </div>
  );
}

function Story({ outcome }: { outcome: Schema['Outcome'] }) {
  const { t } = useTranslation('admin');
  return (
    <>
      <ol className={classes.story}>
        {outcome.visits.map((visit) => (
          <Visit key={visit.queue} visit={visit} />
        ))}
      </ol>
      <p className="quiet" style={{ margin: '8px 0 0' }}>
        {outcome.crowd ? t('preview.withCrowd') : t('preview.byHours')}
      </p>
    </>
  );
}

function Visit({ visit }: { visit: Schema['Visit'] }) {
  const { t, i18n } = useTranslation('admin');
  const said = usePromptText(visit.instead.prompt);
  const mode = visit.instead.mode;
  return (
    <li data-open={visit.open} data-instead={mode}>
      <Group gap="xs">
        <strong style={{ fontWeight: 550 }}>{visit.name}</strong>
        <State tone={visit.open ? 'good' : 'warn'}>{visit.open ? t('preview.open') : t('preview.closed')}</State>
        {visit.virtual_agent && <Tag tone="info">{t('preview.bot')}</Tag>}
      </Group>
      <Rule rule={visit.hours} />
      {visit.opens_at && (
        <div className="quiet">
          {t('preview.opens', {
            at: new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'short' }).format(
              new Date(visit.opens_at),
            ),
          })}
        </div>
      )}
      {visit.switched_off && <div>{t('preview.switchedOff')}</div>}
      {visit.problem && <State tone="bad">{t(`preview.problems.${visit.problem}`)}</State>}
      <div>
        {visit.why && `${t(`preview.why.${visit.why}`)}: `}
        {mode === 'off' ? t('preview.waits') : t(`preview.ends.${mode}`)}
        {mode === 'number' && ` ${visit.instead.number}`}
        {said && ` ${said}`}
        {visit.default_message && ` (${t('settings.defaultMessage')})`}
        {visit.why && (
          <>
            {' '}
            <Tag tone="quiet">{t(`queues.origin.${visit.origin}`)}</Tag>
          </>
        )}
      </div>
    </li>
  );
}

function Rule({ rule }: { rule: Schema['HoursRule'] }) {
  const { t } = useTranslation('admin');
  if (!rule.name) return <div className="quiet">{t('settings.alwaysOpen')}</div>;
  const parts = [
    t('preview.rule', { name: rule.name, local: rule.local ?? '', zone: rule.zone ?? '' }),
    rule.channel && t(`settings.channels.${rule.channel}`, rule.channel),
    rule.language,
    rule.holiday && t('preview.holiday', { name: rule.holiday }),
    rule.period && `${rule.period.from}–${rule.period.to}`,
  ];
  return (
    <div className="quiet tnum">
      {parts.filter(Boolean).join(' · ')} <Tag tone="quiet">{t(`queues.origin.${rule.origin}`)}</Tag>
    </div>
  );
}

function usePromptText(prompt: Schema['QueuePrompt'] | undefined): string {
  const prompts = useQuery({ ...promptsQuery, enabled: prompt?.id !== undefined });
  if (prompt?.text) return `“${prompt.text}”`;
  return prompts.data?.find((p) => p.id === prompt?.id)?.name ?? '';
}

/** How long somebody who came now would wait, and how good such estimates were. */
function Waits({ queue }: { queue: string }) {
  const { t } = useTranslation('admin');
  const { data } = useQuery(queueEstimateQuery(queue));
  if (!data) return null;
  const wait = data.estimated_wait_seconds;
  return (
    <p className="quiet tnum" style={{ margin: 0 }}>
      {wait === undefined
        ? t('preview.waitUnknown')
        : t('preview.wait', { minutes: Math.ceil(wait / 60), waiting: data.waiting, agents: data.available_agents })}
      {data.measured > 0 &&
        ` ${t('preview.waitError', { seconds: Math.round(data.mean_absolute_error_seconds), count: data.measured })}`}
    </p>
  );
}
