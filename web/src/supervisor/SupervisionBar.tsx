import { Button, SegmentedControl, Text } from '@mantine/core';
import { IconHeadphones, IconPhonePlus, IconPlayerStopFilled } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { callQuery } from '../api/queries';
import { useCan } from '../app/session';
import type { SupervisionMode } from '../phone/protocol';
import { useHeardLevel, useSupervision } from '../phone/supervision';
import { useCallerText } from '../ui/caller';
import { notifyNotice } from '../ui/notify';
import { Elapsed } from '../ui/time';
import classes from './supervisor.module.css';

const modes: SupervisionMode[] = ['monitor', 'coach', 'barge'];

/** On every screen while somebody else's call is listened to: whose, who hears the listener, and the way out (Alt+S). */
export function SupervisionBar() {
  const { t } = useTranslation('supervisor');
  const can = useCan();
  const navigate = useNavigate();
  const caller = useCallerText();
  const { view, active, ready, change, stop, dismiss } = useSupervision();
  const { data: call } = useQuery({ ...callQuery(view?.call ?? ''), enabled: active });
  useEffect(() => {
    if (!active) return;
    const pressed = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.code !== 'KeyS') return;
      event.preventDefault();
      stop();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [active, stop]);
  const ended = view?.state === 'ended' ? (view.cause ?? 'stopped') : undefined;
  useEffect(() => {
    if (!ended) return;
    if (ended === 'taken_over') void navigate({ to: '/' });
    else if (ended !== 'stopped') notifyNotice(t(`listenEnded.${ended}`, t('listenEnded.failed')));
    dismiss();
  }, [ended, dismiss, navigate, t]);
  if (!active || !view) return null;
  const agent = call?.agent_name || t('party.agent');
  return (
    <section className={classes.listening} data-mode={view.mode} aria-label={t('listening')}>
      <IconHeadphones size={20} aria-hidden />
      <Level on={view.state === 'on'} />
      <div className={classes.listeningText} role="status">
        <Text size="sm" fw={600} truncate>
          {view.state === 'on' ? t('listeningTo', { agent, caller: call ? caller(call) : '…' }) : t('listeningSoon')}
        </Text>
        <Text size="sm" data-audible={view.mode}>
          {t(`audible.${view.mode}`, { agent })}
        </Text>
      </div>
      {view.since && <Elapsed since={view.since} />}
      {can('barge', 'calls') && (
        <>
          <SegmentedControl
            size="xs"
            aria-label={t('modeLabel')}
            disabled={!ready}
            data={modes.map((mode) => ({ value: mode, label: t(`mode.${mode}`) }))}
            value={view.mode}
            onChange={(mode) => change(mode as SupervisionMode)}
          />
          <Button
            size="compact-sm"
            variant="default"
            disabled={!ready}
            leftSection={<IconPhonePlus size={15} aria-hidden />}
            onClick={() => change('take_over')}
          >
            {t('mode.take_over')}
          </Button>
        </>
      )}
      <Button
        size="compact-sm"
        color="#b3261e"
        data-action="stop-listening"
        aria-keyshortcuts="Alt+S"
        leftSection={<IconPlayerStopFilled size={14} aria-hidden />}
        onClick={stop}
      >
        {t('stopKey')}
      </Button>
    </section>
  );
}

// That something is heard at all: silence on the line and a dead line look different.
function Level({ on }: { on: boolean }) {
  const level = useHeardLevel(on);
  return (
    <span className={classes.level} aria-hidden>
      <span style={{ height: `${Math.min(100, Math.round(Math.sqrt(level) * 160))}%` }} />
    </span>
  );
}
