import { ActionIcon, Button, Select } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { hoursQuery } from '../../api/queries';
import classes from '../admin.module.css';
import { type Control, LANGUAGES } from './controls';
import { NO_ID } from './settings';

/** Channels that queues know by name. */
export const CHANNELS = ['ivr', 'web', 'mobile', 'sms', 'whatsapp'];

/** A plan of opening hours, or none: always open. */
export function HoursSelect({ label, value, onChange }: Control<string>) {
  const { t } = useTranslation('admin');
  const hours = useQuery(hoursQuery);
  return (
    <Select
      aria-label={label}
      w={220}
      data={[
        { value: NO_ID, label: t('settings.alwaysOpen') },
        ...(hours.data?.map((h) => ({ value: h.id, label: h.name })) ?? []),
      ]}
      value={value || NO_ID}
      onChange={(next) => next && onChange(next)}
    />
  );
}

/** Hours of a channel's, or a language's, own. */
export function HoursOverridesControl({ label, value, onChange }: Control<Schema['HoursOverride'][]>) {
  const { t } = useTranslation('admin');
  const channels = [
    { value: '', label: t('settings.everyChannel') },
    ...CHANNELS.map((c) => ({ value: c, label: t(`settings.channels.${c}`) })),
  ];
  const languages = [{ value: '', label: t('settings.everyLanguage') }, ...LANGUAGES];
  const change = (index: number, part: Partial<Schema['HoursOverride']>) =>
    onChange(value.map((o, i) => (i === index ? { ...o, ...part } : o)));
  return (
    <div className={classes.fields} style={{ flexDirection: 'column', alignItems: 'stretch' }}>
      {value.length === 0 && <span className="quiet">{t('settings.noOverrides')}</span>}
      {value.map((override, index) => {
        const name = `${label} ${index + 1}`;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: overrides have no identity but their place
          <div key={index} className={classes.fields}>
            <Select
              aria-label={`${name}: ${t('settings.channel')}`}
              w={150}
              data={channels}
              value={override.channel ?? ''}
              onChange={(channel) => change(index, { channel: channel ?? '' })}
            />
            <Select
              aria-label={`${name}: ${t('settings.language')}`}
              w={140}
              data={languages}
              value={override.language ?? ''}
              onChange={(language) => change(index, { language: language ?? '' })}
            />
            <HoursSelect
              label={`${name}: ${t('settings.hours')}`}
              value={override.hours ?? NO_ID}
              onChange={(hours) => change(index, { hours })}
            />
            <ActionIcon
              mb={6}
              variant="subtle"
              color="gray"
              aria-label={`${t('settings.remove')}: ${name}`}
              onClick={() => onChange(value.filter((_, i) => i !== index))}
            >
              <IconX size={15} />
            </ActionIcon>
          </div>
        );
      })}
      <Button
        variant="default"
        size="compact-sm"
        style={{ alignSelf: 'start' }}
        leftSection={<IconPlus size={15} />}
        onClick={() => onChange([...value, { channel: 'web', hours: NO_ID }])}
      >
        {t('settings.addOverride')}
      </Button>
    </div>
  );
}
