import { ActionIcon, NumberInput, Select } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { ringtonesQuery } from '../../api/queries';
import { toneNames } from '../../phone/tones';
import { useTonePlayer } from '../../phone/useTonePlayer';
import classes from '../admin.module.css';

type Notification = Schema['Notification'];

interface NotificationControlProps {
  label: string;
  value: Notification;
  onChange: (value: Notification) => void;
}

const events = ['call', 'chat', 'message'] as const;
const texting = ['off', 'offered', 'missed', 'both'] as const;

/** The tones of a call, a new chat and a new message, each once or repeated, and when text messages are sent. */
export function NotificationControl({ label, value, onChange }: NotificationControlProps) {
  const { t } = useTranslation('notifications');
  const player = useTonePlayer();
  const choices = useToneChoices();
  return (
    <div className={classes.fields}>
      {events.map((event) => {
        const tone = value[event];
        const set = (part: Partial<typeof tone>) => onChange({ ...value, [event]: { ...tone, ...part } });
        // One that was deleted is still what is set.
        const known = choices.some((c) => c.items.some((i) => i.value === tone.tone));
        const data = known
          ? choices
          : [...choices, { group: t('deleted'), items: [{ value: tone.tone, label: t('deletedTone') }] }];
        return (
          <div key={event} className={classes.toneRow}>
            <Select
              label={t(`events.${event}`)}
              w={200}
              data={data}
              value={tone.tone}
              onChange={(next) => next !== null && set({ tone: next })}
            />
            <ActionIcon
              variant="light"
              size={36}
              disabled={tone.tone === ''}
              aria-label={`${player.playing === tone.tone ? t('stop') : t('listen')}: ${t(`events.${event}`)}`}
              onClick={() => player.toggle(tone.tone)}
            >
              {player.playing === tone.tone ? <IconPlayerStop size={16} /> : <IconPlayerPlay size={16} />}
            </ActionIcon>
            <NumberInput
              label={t('every')}
              description={undefined}
              w={150}
              min={0}
              max={60}
              allowDecimal={false}
              suffix={tone.every_seconds === 0 ? ` (${t('once')})` : ` ${t('seconds')}`}
              value={tone.every_seconds}
              onChange={(next) => typeof next === 'number' && set({ every_seconds: next })}
            />
          </div>
        );
      })}
      <Select
        label={t('text')}
        aria-label={`${label}: ${t('text')}`}
        w={320}
        data={texting.map((when) => ({ value: when, label: t(`texting.${when}`) }))}
        value={value.text}
        onChange={(when) => when && onChange({ ...value, text: when as Notification['text'] })}
      />
    </div>
  );
}

function useToneChoices(): Array<{ group: string; items: Array<{ value: string; label: string }> }> {
  const { t } = useTranslation('notifications');
  const uploaded = useQuery(ringtonesQuery);
  return [
    {
      group: t('kinds.builtin'),
      items: [...toneNames.map((value) => ({ value, label: t(`tones.${value}`) })), { value: '', label: t('silent') }],
    },
    ...(uploaded.data?.length
      ? [{ group: t('kinds.upload'), items: uploaded.data.map(({ id, name }) => ({ value: id, label: name })) }]
      : []),
  ];
}
