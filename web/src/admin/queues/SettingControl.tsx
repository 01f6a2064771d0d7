import { NumberInput, Select, Switch, TagsInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { BotControl } from './BotControl';
import { MenuControl, MissedControl, PromptControl, WhisperControl, WrapUpControl } from './controls';
import { ClientDeflectionControl, DeflectionControl, TextReplyControl } from './DeflectionControls';
import { HoursOverridesControl, HoursSelect } from './HoursControls';
import { NotificationControl } from './NotificationControl';
import { OutboundControl } from './OutboundControl';
import { CallbackControl, ScheduleControl, VoicemailControl } from './ReturnControls';
import {
  AgeingControl,
  PreferredControl,
  RingsControl,
  SharesControl,
  SkillsControl,
  WeightsControl,
} from './RoutingControls';
import type { Name, Value } from './settings';
import { AnnouncementControl, EmptyControl, OverRulesControl } from './WaitingControls';

const algorithms: Value<'algorithm'>[] = [
  'longest_idle',
  'round_robin',
  'fewest_interactions',
  'least_talk',
  'ordered_list',
  'skills',
  'percentage',
];

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
    case 'hours_overrides':
      return <HoursOverridesControl {...give('hours_overrides')} />;
    case 'deflect_calls':
      return <OnOff {...give('deflect_calls')} />;
    case 'deflect_chats':
      return <OnOff {...give('deflect_chats')} />;
    case 'transfer_after_hours':
      return <OnOff {...give('transfer_after_hours')} />;
    case 'deflection_web':
      return <ClientDeflectionControl {...give('deflection_web')} />;
    case 'deflection_mobile':
      return <ClientDeflectionControl {...give('deflection_mobile')} app />;
    case 'deflection_sms':
      return <TextReplyControl {...give('deflection_sms')} />;
    case 'deflection_messaging':
      return <TextReplyControl {...give('deflection_messaging')} />;
    case 'overcapacity':
      return <OverRulesControl {...give('overcapacity')} />;
    case 'empty':
      return <EmptyControl {...give('empty')} />;
    case 'voicemail':
      return <VoicemailControl {...give('voicemail')} />;
    case 'callback':
      return <CallbackControl {...give('callback')} />;
    case 'schedule':
      return <ScheduleControl {...give('schedule')} />;
    case 'outbound':
      return <OutboundControl {...give('outbound')} />;
    case 'redial_seconds':
      return <Seconds {...give('redial_seconds')} min={0} />;
    case 'countdown':
      return <OnOff {...give('countdown')} />;
    case 'ticket':
      return <OnOff {...give('ticket')} />;
    case 'hold_for_choice':
      return <OnOff {...give('hold_for_choice')} />;
    case 'record':
      return <OneOf {...give('record')} of={['yes', 'no', 'ask']} texts="recordModes" />;
    case 'algorithm':
      return <OneOf {...give('algorithm')} of={algorithms} texts="algorithms" />;
    case 'offer_mode':
      return <OneOf {...give('offer_mode')} of={['one', 'all']} texts="offerModes" />;
    case 'skills':
      return <SkillsControl {...give('skills')} />;
    case 'rings':
      return <RingsControl {...give('rings')} />;
    case 'shares':
      return <SharesControl {...give('shares')} />;
    case 'ageing':
      return <AgeingControl {...give('ageing')} />;
    case 'preferred_agent':
      return <PreferredControl {...give('preferred_agent')} />;
    case 'weights':
      return <WeightsControl {...give('weights')} />;
    case 'auto_answer':
      return <OnOff {...give('auto_answer')} description={t('settings.autoAnswerHelp')} />;
    case 'redact_max_seconds':
      return <Seconds {...give('redact_max_seconds')} min={5} />;
    case 'ring_seconds':
      return <Seconds {...give('ring_seconds')} min={5} />;
    case 'service_level_seconds':
      return <Seconds {...give('service_level_seconds')} min={1} />;
    case 'short_abandon_seconds':
      return <Seconds {...give('short_abandon_seconds')} min={0} />;
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

function OnOff({ label, value, onChange, description }: One<boolean> & { description?: string }) {
  const { t } = useTranslation('admin');
  return (
    <Switch
      pt={6}
      aria-label={label}
      label={t('settings.on')}
      description={description}
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
