import { MultiSelect, NumberInput, Select, Slider, Switch, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { promptsQuery, queuesQuery } from '../../api/queries';
import classes from '../admin.module.css';

export interface Control<T> {
  label: string;
  value: T;
  onChange: (value: T) => void;
}

export function useChoices<T extends string>(of: string, values: T[]): Array<{ value: T; label: string }> {
  const { t } = useTranslation('admin');
  return values.map((value) => ({ value, label: t(`settings.${of}.${value}`) }));
}

/** A recording, or a text to be spoken, or nothing. */
export function PromptControl(props: Control<Schema['QueuePrompt']> & { none?: string; noText?: boolean }) {
  const { t } = useTranslation('admin');
  const prompts = useQuery(promptsQuery);
  const { value } = props;
  const chosen = value.id ?? (value.text ? 'text' : '');
  const data = [
    { value: '', label: props.none ?? t('settings.promptNone') },
    ...(props.noText ? [] : [{ value: 'text', label: t('settings.promptText') }]),
    ...(prompts.data?.map((p) => ({ value: p.id, label: p.name })) ?? []),
  ];
  const choose = (next: string | null) => {
    if (next === 'text') props.onChange({ text: value.text || ' ' });
    else props.onChange(next ? { id: next } : {});
  };
  return (
    <div className={classes.fields}>
      <Select aria-label={props.label} w={260} searchable data={data} value={chosen} onChange={choose} />
      {chosen === 'text' && (
        <Textarea
          aria-label={`${props.label}: ${t('settings.promptText')}`}
          w="100%"
          autosize
          minRows={1}
          maxRows={5}
          value={value.text?.trimStart() ?? ''}
          onChange={(event) => props.onChange({ text: event.currentTarget.value || ' ' })}
        />
      )}
    </div>
  );
}

export function WhisperControl({ label, value, onChange }: Control<Schema['Whisper']>) {
  const { t } = useTranslation('admin');
  const modes = useChoices('whisperModes', ['off', 'queue_name', 'text', 'recording']);
  const prompts = useQuery({ ...promptsQuery, enabled: value.mode === 'recording' });
  return (
    <div className={classes.fields}>
      <Select
        aria-label={label}
        w={180}
        data={modes}
        value={value.mode}
        onChange={(mode) => mode && onChange({ ...value, mode: mode as typeof value.mode })}
      />
      {value.mode === 'recording' && (
        <Select
          aria-label={`${label}: ${t('settings.prompt')}`}
          w={200}
          data={prompts.data?.map((p) => ({ value: p.id, label: p.name })) ?? []}
          value={value.prompt ?? null}
          onChange={(prompt) => prompt && onChange({ ...value, prompt })}
        />
      )}
      {(value.mode === 'text' || value.mode === 'queue_name') && (
        <Slider
          w={150}
          mb={10}
          thumbLabel={`${label}: ${t('settings.speed')}`}
          min={0.5}
          max={2}
          step={0.1}
          label={(speed) => `${speed.toFixed(1)}×`}
          value={value.speed || 1}
          onChange={(speed) => onChange({ ...value, speed })}
        />
      )}
      {value.mode === 'text' && (
        <Textarea
          aria-label={`${label}: ${t('settings.promptText')}`}
          w="100%"
          autosize
          minRows={1}
          value={value.text ?? ''}
          onChange={(event) => onChange({ ...value, text: event.currentTarget.value })}
        />
      )}
    </div>
  );
}

export function WrapUpControl({ label, value, onChange }: Control<Schema['WrapUpRule']>) {
  const { t } = useTranslation('admin');
  const modes = useChoices('wrapUpModes', ['none', 'requested', 'optional', 'timed', 'mandatory']);
  return (
    <div className={classes.fields}>
      <Select
        aria-label={label}
        w={180}
        data={modes}
        value={value.mode}
        onChange={(mode) => mode && onChange({ ...value, mode: mode as typeof value.mode })}
      />
      {value.mode !== 'mandatory' && (
        <Count
          label={t('settings.max')}
          value={value.max_seconds}
          suffix={` ${t('settings.seconds')}`}
          onChange={(max_seconds) => onChange({ ...value, max_seconds })}
        />
      )}
      {value.mode !== 'mandatory' && value.max_seconds > 0 && (
        <>
          <Count
            label={t('settings.extend')}
            value={value.extend_seconds ?? 0}
            suffix={` ${t('settings.seconds')}`}
            onChange={(extend_seconds) =>
              onChange({
                ...value,
                extend_seconds,
                max_extensions: value.max_extensions || (extend_seconds > 0 ? 1 : 0),
              })
            }
          />
          <Count
            label={t('settings.extensions')}
            value={value.max_extensions ?? 0}
            onChange={(max_extensions) => onChange({ ...value, max_extensions })}
          />
        </>
      )}
      <Switch
        mb={8}
        label={t('settings.dispositionForced')}
        checked={value.mode === 'mandatory' || (value.disposition_forced ?? false)}
        disabled={value.mode === 'mandatory'}
        onChange={(event) => onChange({ ...value, disposition_forced: event.currentTarget.checked })}
      />
      <Switch
        mb={8}
        label={t('settings.notesForced')}
        checked={value.notes_forced ?? false}
        onChange={(event) => onChange({ ...value, notes_forced: event.currentTarget.checked })}
      />
    </div>
  );
}

export function MissedControl({ value, onChange }: Control<Schema['MissedRule']>) {
  const { t } = useTranslation('admin');
  return (
    <div className={classes.fields}>
      <Count
        label={t('settings.threshold')}
        min={1}
        value={value.threshold}
        onChange={(threshold) => onChange({ ...value, threshold })}
      />
      <Count
        label={`${t('settings.barFor')} (${t('settings.barForHint')})`}
        value={value.not_responding_seconds}
        suffix={` ${t('settings.seconds')}`}
        onChange={(not_responding_seconds) => onChange({ ...value, not_responding_seconds })}
      />
    </div>
  );
}

export const LANGUAGES = [
  { value: 'en', label: 'English' },
  { value: 'zh', label: '中文' },
];

export function MenuControl({ value, onChange }: Control<Schema['MenuRule']>) {
  const { t } = useTranslation('admin');
  const finals = useChoices('finals', ['hang_up', 'first', 'last', 'voicemail', 'queue']);
  const zeros = useChoices('zeros', ['up', 'nothing', 'queue']);
  const queues = useQuery(queuesQuery);
  const targets = queues.data?.map((q) => ({ value: q.id, label: q.name })) ?? [];
  return (
    <div className={classes.fields}>
      <Count
        label={t('settings.waits')}
        min={1}
        value={value.wait_seconds}
        suffix={` ${t('settings.seconds')}`}
        onChange={(wait_seconds) => onChange({ ...value, wait_seconds })}
      />
      <Count
        label={t('settings.tries')}
        min={1}
        value={value.max_no_input}
        onChange={(max_no_input) => onChange({ ...value, max_no_input })}
      />
      <Count
        label={t('settings.invalid')}
        min={1}
        value={value.max_invalid}
        onChange={(max_invalid) => onChange({ ...value, max_invalid })}
      />
      <Select
        label={t('settings.finally')}
        w={160}
        data={finals}
        value={value.final}
        onChange={(final) => final && onChange({ ...value, final: final as typeof value.final })}
      />
      {value.final === 'queue' && (
        <Select
          label={t('settings.queue')}
          w={180}
          data={targets}
          value={value.final_queue ?? null}
          onChange={(final_queue) => final_queue && onChange({ ...value, final_queue })}
        />
      )}
      <Select
        label={t('settings.zero')}
        w={150}
        data={zeros}
        value={value.zero}
        onChange={(zero) => zero && onChange({ ...value, zero: zero as typeof value.zero })}
      />
      {value.zero === 'queue' && (
        <Select
          label={t('settings.queue')}
          w={180}
          data={targets}
          value={value.zero_queue ?? null}
          onChange={(zero_queue) => zero_queue && onChange({ ...value, zero_queue })}
        />
      )}
      <MultiSelect
        label={t('settings.languages')}
        description={t('settings.languagesHelp')}
        w={260}
        data={LANGUAGES}
        value={value.languages?.map((l) => l.language) ?? []}
        onChange={(chosen) =>
          onChange({ ...value, languages: chosen.map((language, index) => ({ language, key: index + 1 })) })
        }
      />
    </div>
  );
}

export function Count(props: {
  label: string;
  value: number;
  onChange: (value: number) => void;
  min?: number;
  suffix?: string;
}) {
  return (
    <NumberInput
      label={props.label}
      w={props.label.length > 18 ? 210 : props.suffix ? 150 : 110}
      miw={110}
      min={props.min ?? 0}
      allowDecimal={false}
      suffix={props.suffix}
      value={props.value}
      onChange={(next) => typeof next === 'number' && props.onChange(next)}
    />
  );
}
