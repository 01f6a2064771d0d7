import { NumberInput, Select, Switch, TagsInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { hoursQuery } from '../../api/queries';
import { BotControl } from './BotControl';
import {
  AnnouncementControl,
  DeflectionControl,
  MenuControl,
  MissedControl,
  PromptControl,
  WhisperControl,
  WrapUpControl,
} from './controls';
import { NotificationControl } from './NotificationControl';
import { type Name, NO_ID, type Value } from './settings';

interface ControlProps<N extends Name> {
  name: N;
  value: Value<N>;
  onChange: (value: Value<N>) => void;
}

// The value's type follows the name; TypeScript cannot narrow both at once, so each case says which it is.
export function SettingControl<N extends Name>({ name, value, onChange }: ControlProps<N>) {
  const { t } = useTranslation('admin');
  const label = t(`settings.${name}`);
  const give = <M extends Name>(_: M) => ({
    label,
    value: value as unknown as Value<M>,
    onChange: onChange as unknown as (value: Value<M>) => void,
  });
  switch (name as Name) {
    case 'greeting':
      return <PromptControl {...give('greeting')} />;
    case 'hold_music':
      return <PromptControl {...give('hold_music')} none={t('settings.builtInMusic')} noText />;
    case 'notification':
      return <NotificationControl {...give('notification')} />;
    case 'whisper':
      return <WhisperControl {...give('whisper')} />;
    case 'wrap_up':
      return <WrapUpControl {...give('wrap_up')} />;
    case 'announcement':
      return <AnnouncementControl {...give('announcement')} />;
    case 'missed':
      return <MissedControl {...give('missed')} />;
    case 'deflection':
      return <DeflectionControl {...give('deflection')} />;
    case 'menu':
      return <MenuControl {...give('menu')} />;
    case 'bot':
      return <BotControl {...give('bot')} />;
    case 'hours':
      return <HoursSelect {...give('hours')} />;
    case 'countdown':
      return <OnOff {...give('countdown')} />;
    case 'ticket':
      return <OnOff {...give('ticket')} />;
    case 'record':
      return <OneOf {...give('record')} of={['yes', 'no', 'ask']} texts="recordModes" />;
    case 'algorithm':
      return <OneOf {...give('algorithm')} of={['longest_idle']} texts="algorithms" />;
    case 'redact_max_seconds':
      return <Seconds {...give('redact_max_seconds')} min={5} />;
    case 'ring_seconds':
      return <Seconds {...give('ring_seconds')} min={5} />;
    case 'service_level_seconds':
      return <Seconds {...give('service_level_seconds')} min={1} />;
    case 'max_waiting':
      return <MaxWaiting {...give('max_waiting')} />;
    case 'dispositions': {
      const { value: tags, onChange: set } = give('dispositions');
      return <TagsInput aria-label={label} value={tags} onChange={set} />;
    }
  }
}

interface One<T> {
  label: string;
  value: T;
  onChange: (value: T) => void;
}

function OnOff({ label, value, onChange }: One<boolean>) {
  const { t } = useTranslation('admin');
  return (
    <Switch
      pt={6}
      aria-label={label}
      label={t('settings.on')}
      checked={value}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

function OneOf<T extends string>({ label, value, onChange, of, texts }: One<T> & { of: T[]; texts: string }) {
  const { t } = useTranslation('admin');
  return (
    <Select
      aria-label={label}
      maw={260}
      data={of.map((one) => ({ value: one, label: t(`settings.${texts}.${one}`) }))}
      value={value}
      onChange={(next) => next && onChange(next as T)}
    />
  );
}

function Seconds({ label, value, onChange, min }: One<number> & { min: number }) {
  const { t } = useTranslation('admin');
  return (
    <NumberInput
      aria-label={label}
      w={160}
      min={min}
      allowDecimal={false}
      suffix={` ${t('settings.seconds')}`}
      value={value}
      onChange={(next) => typeof next === 'number' && onChange(next)}
    />
  );
}

function MaxWaiting({ label, value, onChange }: One<number>) {
  const { t } = useTranslation('admin');
  return (
    <NumberInput
      aria-label={label}
      description={t('settings.noLimit')}
      w={160}
      min={0}
      allowDecimal={false}
      value={value}
      onChange={(next) => typeof next === 'number' && onChange(next)}
    />
  );
}

function HoursSelect({ label, value, onChange }: One<string>) {
  const { t } = useTranslation('admin');
  const hours = useQuery(hoursQuery);
  return (
    <Select
      aria-label={label}
      maw={260}
      data={[
        { value: NO_ID, label: t('settings.alwaysOpen') },
        ...(hours.data?.map((h) => ({ value: h.id, label: h.name })) ?? []),
      ]}
      value={value || NO_ID}
      onChange={(next) => next && onChange(next)}
    />
  );
}
