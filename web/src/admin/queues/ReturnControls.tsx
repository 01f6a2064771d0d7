import { Select, Switch } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import classes from '../admin.module.css';
import { type Control, Count, PromptControl } from './controls';

const keys = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*'];

/** The queue's voicemail box. */
export function VoicemailControl({ label, value, onChange }: Control<Schema['VoicemailBox']>) {
  const { t } = useTranslation('admin');
  const part = (name: 'greeting' | 'withheld' | 'enter_number' | 'accepted') => (
    <div>
      <div className="quiet">{t(`settings.box.${name}`)}</div>
      <PromptControl
        label={`${label}: ${t(`settings.box.${name}`)}`}
        none={t('settings.box.ours')}
        value={value[name] ?? {}}
        onChange={(prompt) => onChange({ ...value, [name]: prompt })}
      />
    </div>
  );
  return (
    <div className={classes.fields}>
      {part('greeting')}
      <Count
        label={t('settings.box.max')}
        value={value.max_seconds}
        min={10}
        onChange={(max_seconds) => onChange({ ...value, max_seconds })}
      />
      <Switch
        label={t('settings.box.ask')}
        checked={value.ask_number}
        onChange={(event) => onChange({ ...value, ask_number: event.currentTarget.checked })}
      />
      {value.ask_number && (
        <>
          {part('withheld')}
          {part('enter_number')}
          {part('accepted')}
        </>
      )}
    </div>
  );
}

/** How the queue calls back. */
export function CallbackControl({ label, value, onChange }: Control<Schema['CallbackRule']>) {
  const { t } = useTranslation('admin');
  return (
    <div className={classes.fields}>
      <Switch
        aria-label={label}
        label={t('settings.callbacks.offer')}
        checked={value.offer}
        onChange={(event) => onChange({ ...value, offer: event.currentTarget.checked })}
      />
      {value.offer && (
        <>
          <Select
            label={t('settings.callbacks.key')}
            w={110}
            data={keys}
            value={value.key}
            onChange={(key) => key && onChange({ ...value, key })}
          />
          <Count
            label={t('settings.callbacks.after')}
            value={value.after_seconds}
            min={0}
            onChange={(after_seconds) => onChange({ ...value, after_seconds })}
          />
        </>
      )}
      <Count
        label={t('settings.callbacks.attempts')}
        value={value.attempts}
        min={1}
        onChange={(attempts) => onChange({ ...value, attempts })}
      />
      <Count
        label={t('settings.callbacks.retry')}
        value={value.retry_seconds}
        min={0}
        onChange={(retry_seconds) => onChange({ ...value, retry_seconds })}
      />
      <Count
        label={t('settings.callbacks.ring')}
        value={value.ring_seconds}
        min={5}
        onChange={(ring_seconds) => onChange({ ...value, ring_seconds })}
      />
    </div>
  );
}

/** How customers choose the time of a call. */
export function ScheduleControl({ label, value, onChange }: Control<Schema['ScheduleRule']>) {
  const { t } = useTranslation('admin');
  const count = (name: 'slot_minutes' | 'capacity' | 'days_ahead' | 'lead_minutes' | 'priority', min: number) => (
    <Count
      label={t(`settings.slots.${name}`)}
      value={value[name]}
      min={min}
      onChange={(n) => onChange({ ...value, [name]: n })}
    />
  );
  return (
    <div className={classes.fields}>
      <Switch
        aria-label={label}
        label={t('settings.slots.on')}
        checked={value.on}
        onChange={(event) => onChange({ ...value, on: event.currentTarget.checked })}
      />
      {value.on && (
        <>
          {count('slot_minutes', 5)}
          {count('capacity', 1)}
          {count('days_ahead', 1)}
          {count('lead_minutes', 0)}
          {count('priority', -1000)}
        </>
      )}
    </div>
  );
}
