import { Button, Select, Text, TextInput } from '@mantine/core';
import { IconPhoneOutgoing } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { useSave } from '../api/useSave';
import { elsewhere } from '../phone/machine';
import { usePhoneState } from '../phone/react';
import { ErrorNotice } from '../ui/ErrorNotice';
import classes from './desktop.module.css';
import { useOutboundQueues } from './dial';

const QUEUE = 'tandem.dial.queue';

/** A number that a link of the page has asked for, and what to do once it was called. */
export interface Linked {
  number: string;
  called: () => void;
}

/** Calls a number on a queue's behalf. What a link filled in waits for the button. */
export function Dialer({ linked }: { linked?: Linked }) {
  const { t } = useTranslation('desktop');
  const queues = useOutboundQueues();
  const [queue, setQueue] = useState(() => localStorage.getItem(QUEUE));
  const chosen = queues.find((one) => one.queue_id === queue) ?? queues[0];
  const ready = usePhoneState((s) => (s.media === 'connected' || elsewhere(s.agent)) && s.agent.presence !== 'OFFLINE');
  const [number, setNumber, field] = useNumber(linked?.number);
  const call = useSave({
    save: (queue_id: string) => body(api.POST('/api/v1/calls', { body: { queue_id, number } })),
    nouns: ['calls'],
    quiet: true,
    done: () => {
      setNumber('');
      linked?.called();
    },
  });
  if (!chosen) return null;
  return (
    <form
      className={`${classes.panel} ${classes.dialer}`}
      aria-label={t('dial.title')}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && number.trim()) call.mutate(chosen.queue_id);
      }}
    >
      <TextInput
        ref={field}
        label={t('dial.title')}
        placeholder="+49301234567"
        type="tel"
        autoComplete="off"
        maxLength={60}
        aria-keyshortcuts="Alt+P"
        value={number}
        onChange={(event) => setNumber(event.currentTarget.value)}
        data-field="dial-number"
      />
      <Select
        label={t('dial.queue')}
        description={chosen.caller_id && t('dial.callerID', { number: chosen.caller_id })}
        allowDeselect={false}
        data={queues.map((one) => ({ value: one.queue_id, label: one.path.join(' › ') }))}
        value={chosen.queue_id}
        onChange={(next) => {
          setQueue(next);
          localStorage.setItem(QUEUE, next ?? '');
        }}
        data-field="dial-queue"
      />
      {call.error && <ErrorNotice error={call.error} />}
      {!ready && (
        <Text size="sm" c="dimmed">
          {t('dial.offline')}
        </Text>
      )}
      <Button
        type="submit"
        leftSection={<IconPhoneOutgoing size={17} />}
        loading={call.isPending}
        disabled={!ready || !number.trim()}
        data-action="dial"
      >
        {t('dial.call')}
      </Button>
    </form>
  );
}

// The number in the field, which a link fills in and Alt+P reaches.
function useNumber(linked = '') {
  const [number, setNumber] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!linked) return;
    setNumber(linked);
    field.current?.focus();
  }, [linked]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat || event.code !== 'KeyP') return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, []);
  return [number, setNumber, field] as const;
}
