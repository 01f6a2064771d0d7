import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { IconMoonStars } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { DateTime } from '../ui/time';
import classes from './inbox.module.css';
import { snooze } from './routes';
import type { Conversation } from './types';

const at = (days: number, hour: number): Date => {
  const date = new Date();
  date.setDate(date.getDate() + days);
  date.setHours(hour, 0, 0, 0);
  return date;
};

/** Times to come back at. */
function times(): Array<[key: string, at: Date]> {
  const monday = (8 - new Date().getDay()) % 7 || 7;
  const all: Array<[string, Date]> = [
    ['hour', new Date(Date.now() + 3600_000)],
    ['tomorrow', at(1, 9)],
  ];
  return monday > 1 ? [...all, ['monday', at(monday, 9)]] : all;
}

/** Puts a conversation aside until a time, or until the customer writes; whichever comes first. */
export function SnoozeMenu(props: {
  conversation: Conversation;
  opened: boolean;
  onOpened: (opened: boolean) => void;
}) {
  const { t } = useTranslation('inbox');
  const [own, setOwn] = useState('');
  const act = useAct<string | undefined>({
    act: (until) => snooze(props.conversation.id, until),
    nouns: ['conversations', 'messages'],
    done: () => props.onOpened(false),
  });
  return (
    <Menu position="bottom-end" width={310} shadow="md" opened={props.opened} onChange={props.onOpened}>
      <Menu.Target>
        <ActionIcon
          variant="default"
          size={30}
          aria-label={t('snooze')}
          title={`${t('snooze')} (Alt+Z)`}
          aria-keyshortcuts="Alt+Z"
          loading={act.isPending}
          data-action="snooze"
        >
          <IconMoonStars size={17} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('snoozeLabel')}</Menu.Label>
        <Menu.Item onClick={() => act.mutate(undefined)}>{t('snoozes.reply')}</Menu.Item>
        {times().map(([key, time]) => (
          <Menu.Item
            key={key}
            rightSection={<DateTime time={time.toISOString()} short />}
            onClick={() => act.mutate(time.toISOString())}
          >
            {t(`snoozes.${key}`)}
          </Menu.Item>
        ))}
        <form
          className={classes.snoozeOwn}
          onSubmit={(event) => {
            event.preventDefault();
            if (own) act.mutate(new Date(own).toISOString());
          }}
        >
          <TextInput
            type="datetime-local"
            size="xs"
            label={t('snoozes.own')}
            value={own}
            onChange={(event) => setOwn(event.currentTarget.value)}
          />
          <Button type="submit" size="xs" disabled={!own || Date.parse(own) <= Date.now()}>
            {t('snooze')}
          </Button>
        </form>
      </Menu.Dropdown>
    </Menu>
  );
}
