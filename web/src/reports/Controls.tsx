import { Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery, queuesQuery } from '../api/queries';
import { useCan } from '../app/session';
import type { Noun } from './metrics';
import { dateIn, daysOf, fits, type Interval, intervals, isDate, type Preset, presets } from './period';
import type { Question } from './queries';
import classes from './reports.module.css';

/** Period, rows, zone, and whose report it is. */
export function Controls(props: {
  noun: Noun;
  question: Question;
  onChange: (q: Question) => void;
  /** Only the period and the zone. */
  plain?: boolean;
  children?: ReactNode;
}) {
  const { t } = useTranslation('reports');
  const { noun, question } = props;
  const [preset, setPreset] = useState<Preset>('today');
  const can = useCan();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const agents = useQuery({ ...agentsQuery, enabled: noun === 'agents' && can('read', 'agents') });
  // The longest rows that still fit replace rows that the server would refuse.
  const ask = (change: Partial<Question>) => {
    const next = { ...question, ...change };
    props.onChange(fits(next, next.interval) ? next : { ...next, interval: longestFit(next) });
  };
  const choose = (value: Preset) => {
    setPreset(value);
    if (value !== 'custom') ask(daysOf(value, dateIn(Date.now(), question.zone || undefined)));
  };
  const date = (end: 'from' | 'to') => (
    <TextInput
      type="date"
      label={t(end)}
      value={question[end]}
      onChange={(event) => {
        const value = event.currentTarget.value;
        if (!isDate(value)) return;
        setPreset('custom');
        // The other end follows, so that there is always a period.
        const other = end === 'from' ? { to: max(value, question.to) } : { from: min(value, question.from) };
        ask({ [end]: value, ...other });
      }}
    />
  );
  const choice = (of: 'queue' | 'agent', all: string, things: Array<{ id: string; name: string }> = []) => (
    <Select
      label={t(of)}
      w={190}
      searchable
      clearable
      placeholder={all}
      data={things.map((one) => ({ value: one.id, label: one.name }))}
      value={question[of] || null}
      onChange={(value) => ask({ [of]: value ?? '' })}
    />
  );
  return (
    <fieldset className={classes.controls}>
      <legend className="sr-only">{t('preset')}</legend>
      <Select
        label={t('preset')}
        w={150}
        allowDeselect={false}
        data={presets.map((value) => ({ value, label: t(`presets.${value}`) }))}
        value={preset}
        onChange={(value) => value && choose(value as Preset)}
      />
      {date('from')}
      {date('to')}
      {!props.plain && (
        <Select
          label={t('interval')}
          w={170}
          allowDeselect={false}
          data={intervals.map((value) => ({
            value,
            label: t(`intervals.${value}`),
            disabled: !fits(question, value),
          }))}
          value={question.interval}
          onChange={(value) => value && ask({ interval: value as Interval })}
        />
      )}
      <Select
        label={t('zone')}
        w={210}
        searchable
        clearable
        placeholder={t('ownZone')}
        data={zones()}
        value={question.zone || null}
        onChange={(value) => ask({ zone: value ?? '' })}
      />
      {!props.plain && choice('queue', t('allQueues'), queues.data)}
      {noun === 'agents' && choice('agent', t('allAgents'), agents.data)}
      {props.children}
    </fieldset>
  );
}

const max = (a: string, b: string) => (a > b ? a : b);
const min = (a: string, b: string) => (a < b ? a : b);
const longestFit = (q: Question): Interval => (fits(q, '1d') ? '1d' : 'total');

let known: string[] | undefined;
/** The time zones that browser and server know. */
function zones(): string[] {
  known ??= ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
  return known;
}
