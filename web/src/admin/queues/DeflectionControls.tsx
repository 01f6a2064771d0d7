import { Checkbox, Select, Switch, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { queuesQuery } from '../../api/queries';
import classes from '../admin.module.css';
import { type Control, PromptControl, useChoices } from './controls';

type Deflection = Schema['Deflection'];
type Mode = Deflection['mode'];

/** Where callers go instead of waiting, and what they hear first. */
export function InsteadControl({ label, value, onChange, modes }: Control<Deflection> & { modes: Mode[] }) {
  const { t } = useTranslation('admin');
  const choices = useChoices('deflections', modes);
  return (
    <div className={classes.fields} style={{ width: '100%' }}>
      <Select
        aria-label={label}
        w={220}
        data={choices}
        value={value.mode}
        onChange={(mode) => mode && onChange({ ...(value.prompt && { prompt: value.prompt }), mode: mode as Mode })}
      />
      {value.mode === 'queue' && (
        <QueueSelect
          label={`${label}: ${t('settings.queue')}`}
          hidden
          value={value.queue}
          onChange={(queue) => queue && onChange({ ...value, queue })}
        />
      )}
      {value.mode === 'number' && (
        <TextInput
          aria-label={`${label}: ${t('settings.telephone')}`}
          placeholder="+4930123456"
          inputMode="tel"
          w={180}
          value={value.number ?? ''}
          onChange={(event) => onChange({ ...value, number: event.currentTarget.value.trim() })}
        />
      )}
      {value.mode !== 'off' && (
        <PromptControl
          label={`${label}: ${t('settings.saidFirst')}`}
          none={t('settings.defaultMessage')}
          value={value.prompt ?? {}}
          onChange={(prompt) => onChange({ ...value, prompt })}
        />
      )}
    </div>
  );
}

export function DeflectionControl(props: Control<Deflection>) {
  return <InsteadControl {...props} modes={['off', 'message', 'voicemail', 'queue', 'number']} />;
}

/** A queue that takes callers. */
function QueueSelect(props: {
  label: string;
  hidden?: boolean;
  clearable?: boolean;
  value: string | undefined;
  onChange: (queue: string | null) => void;
}) {
  const queues = useQuery(queuesQuery);
  return (
    <Select
      {...(props.hidden ? { 'aria-label': props.label } : { label: props.label })}
      w={260}
      searchable
      clearable={props.clearable ?? false}
      data={queues.data?.filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })) ?? []}
      value={props.value ?? null}
      onChange={props.onChange}
    />
  );
}

/** What a page or an app offers in place of a call: only what is chosen here is shown there. */
export function ClientDeflectionControl({
  value,
  onChange,
  app,
}: Control<Schema['ClientDeflection']> & { app?: boolean }) {
  const { t } = useTranslation('admin');
  const toQueue = value.queue !== undefined;
  return (
    <div className={classes.fields} style={{ flexDirection: 'column', alignItems: 'stretch' }}>
      <Textarea
        label={t('settings.shownMessage')}
        autosize
        minRows={1}
        maxRows={4}
        value={value.message ?? ''}
        onChange={(event) => onChange({ ...value, message: event.currentTarget.value })}
      />
      {app && (
        <QueueSelect
          label={t('settings.clientQueue')}
          clearable
          value={value.queue}
          onChange={(queue) => onChange({ ...(value.message && { message: value.message }), ...(queue && { queue }) })}
        />
      )}
      {!toQueue && (
        <>
          <Checkbox
            label={t('settings.clientScheduled')}
            checked={value.scheduled_call ?? false}
            onChange={(event) => onChange({ ...value, scheduled_call: event.currentTarget.checked })}
          />
          <Text
            label={t('settings.clientEmail')}
            type="email"
            placeholder="help@example.com"
            value={value.email}
            onChange={(email) => onChange(without(value, 'email', email))}
          />
          {app && (
            <>
              <Text
                label={t('settings.clientNumber')}
                type="tel"
                placeholder="+4930123456"
                value={value.number}
                onChange={(number) => onChange(without(value, 'number', number))}
              />
              <Checkbox
                label={t('settings.clientVoicemail')}
                checked={value.voicemail ?? false}
                onChange={(event) => onChange({ ...value, voicemail: event.currentTarget.checked })}
              />
            </>
          )}
        </>
      )}
    </div>
  );
}

// An empty address or number is an option that is not chosen.
function without(value: Schema['ClientDeflection'], name: 'email' | 'number', text: string) {
  const { [name]: _, ...rest } = value;
  return text ? { ...rest, [name]: text } : rest;
}

function Text(props: {
  label: string;
  type: 'email' | 'tel';
  placeholder: string;
  value: string | undefined;
  onChange: (text: string) => void;
}) {
  return (
    <TextInput
      label={props.label}
      type={props.type}
      placeholder={props.placeholder}
      w={260}
      value={props.value ?? ''}
      onChange={(event) => props.onChange(event.currentTarget.value.trim())}
    />
  );
}

export function TextReplyControl({ label, value, onChange }: Control<Schema['TextReply']>) {
  const { t } = useTranslation('admin');
  return (
    <div className={classes.fields}>
      <Switch
        mb={8}
        aria-label={label}
        label={t('settings.on')}
        checked={value.on}
        onChange={(event) => onChange({ ...value, on: event.currentTarget.checked })}
      />
      {value.on && (
        <Textarea
          aria-label={`${label}: ${t('settings.text')}`}
          w="100%"
          autosize
          minRows={1}
          maxRows={4}
          value={value.text ?? ''}
          onChange={(event) => onChange({ ...value, text: event.currentTarget.value })}
        />
      )}
    </div>
  );
}
