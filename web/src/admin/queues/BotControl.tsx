import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { botsQuery, queuesQuery } from '../../api/queries';
import classes from '../admin.module.css';
import { NO_ID } from './settings';

interface BotControlProps {
  label: string;
  value: Schema['BotRule'];
  onChange: (value: Schema['BotRule']) => void;
}

/** The virtual agent that comes first, when, and who goes on. */
export function BotControl({ label, value, onChange }: BotControlProps) {
  const { t } = useTranslation('admin');
  const bots = useQuery(botsQuery);
  const queues = useQuery(queuesQuery);
  const chosen = value.bot && value.bot !== NO_ID ? value.bot : '';
  return (
    <div className={classes.fields}>
      <Select
        aria-label={label}
        w={260}
        data={[
          { value: '', label: t('settings.botNone') },
          ...(bots.data?.map((b) => ({ value: b.id, label: b.name })) ?? []),
        ]}
        value={chosen}
        onChange={(bot) => onChange(bot ? { ...value, bot } : { when: value.when })}
      />
      {chosen && (
        <>
          <Select
            aria-label={t('settings.botWhen')}
            w={200}
            data={(['always', 'hours'] as const).map((when) => ({
              value: when,
              label: t(`settings.botWhens.${when}`),
            }))}
            value={value.when}
            onChange={(when) => when && onChange({ ...value, when: when as typeof value.when })}
          />
          <Select
            aria-label={t('settings.botHandOver')}
            description={t('settings.botHandOver')}
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            w={260}
            searchable
            data={[
              { value: '', label: t('settings.botSameQueue') },
              ...(queues.data?.filter((q) => q.leaf && !q.archived_at).map((q) => ({ value: q.id, label: q.name })) ??
                []),
            ]}
            value={value.hand_over && value.hand_over !== NO_ID ? value.hand_over : ''}
            onChange={(queue) => {
              const { hand_over: _, ...rest } = value;
              onChange(queue ? { ...rest, hand_over: queue } : rest);
            }}
          />
        </>
      )}
    </div>
  );
}
