import { Button, UnstyledButton } from '@mantine/core';
import {
  IconGridDots,
  IconMicrophone,
  IconMicrophoneOff,
  IconNotes,
  IconPhoneOff,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerRecord,
  IconPlayerRecordFilled,
} from '@tabler/icons-react';
import { type ComponentType, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { CallView } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { QueuePath, State } from '../ui/State';
import { Elapsed, Remaining } from '../ui/time';
import classes from './desktop.module.css';
import { Keypad } from './Keypad';
import { usePartyName } from './party';
import { Quality } from './Quality';

export function CallStage({ call }: { call: CallView }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const partyName = usePartyName();
  const muted = usePhoneState((s) => s.muted);
  const online = usePhoneState((s) => s.link === 'online');
  const asked = usePhoneState((s) => s.agent.wrap_up_asked === true);
  const [keypad, setKeypad] = useState(false);
  const talking = call.state === 'talking' || call.state === 'held';
  const held = call.state === 'held' || call.held === true;
  return (
    <section className={`${classes.panel} ${classes.stage}`} aria-label={t('phone')}>
      <div className={classes.stageHead}>
        <span role="status">
          <State tone={held ? 'warn' : talking ? 'good' : 'info'} pulse={!talking}>
            {stateText(call, held, t)}
          </State>
        </span>
        <Quality />
      </div>
      <div className={classes.centre}>
        <div className={classes.party}>{partyName(call.card)}</div>
        {call.card?.name && call.card.caller && <div className="quiet tnum">{call.card.caller}</div>}
        <QueuePath path={call.card?.queue_path} />
        <div className={classes.timer}>
          <Elapsed since={call.answered_at ?? call.since} />
        </div>
        {muted && (
          <State tone="bad" pulse>
            {t('muted')}
          </State>
        )}
        {call.recording === 'paused' && (
          <div>
            <span role="status">
              <State tone="warn" pulse>
                {t('recordingPaused')}
              </State>
            </span>{' '}
            <Remaining until={call.recording_paused_until} />
          </div>
        )}
      </div>
      {keypad && <Keypad />}
      <div className={classes.controls} style={{ marginTop: 12 }}>
        <Control
          icon={muted ? IconMicrophoneOff : IconMicrophone}
          label={muted ? t('unmute') : t('mute')}
          keys="Alt+M"
          action="mute"
          pressed={muted}
          alarm
          disabled={!online}
          onClick={() => phone.dispatch({ type: 'mute', muted: !muted })}
        />
        <Control
          icon={held ? IconPlayerPlay : IconPlayerPause}
          label={held ? t('resume') : t('hold')}
          keys="Alt+H"
          action="hold"
          pressed={held}
          disabled={!online || !talking}
          onClick={() => phone.dispatch({ type: 'hold', held: !held })}
        />
        {call.recording && (
          <Control
            icon={call.recording === 'paused' ? IconPlayerRecordFilled : IconPlayerRecord}
            label={call.recording === 'paused' ? t('recordAgain') : t('pauseRecording')}
            keys="Alt+R"
            action="redact"
            pressed={call.recording === 'paused'}
            disabled={!online}
            onClick={() => phone.dispatch({ type: 'redact', on: call.recording !== 'paused' })}
          />
        )}
        <Control
          icon={IconNotes}
          label={asked ? t('wrapUp.asked') : t('wrapUp.ask')}
          action="ask-wrapup"
          pressed={asked}
          disabled={!online || !talking}
          onClick={() => phone.dispatch({ type: 'askWrapUp', on: !asked })}
        />
        <Control
          icon={IconGridDots}
          label={t('keypad')}
          action="keypad"
          pressed={keypad}
          disabled={!online}
          onClick={() => setKeypad(!keypad)}
        />
      </div>
      <Button
        mt={8}
        size="md"
        fullWidth
        color="#b3261e"
        leftSection={<IconPhoneOff size={18} />}
        disabled={!online}
        aria-keyshortcuts="Alt+X"
        data-action="hangup"
        onClick={() => phone.dispatch({ type: 'hangup' })}
      >
        {t('hangup')}
      </Button>
    </section>
  );
}

function stateText(call: CallView, held: boolean, t: (key: string) => string): string {
  if (call.state === 'talking' || call.state === 'held') return held ? t('held') : t('talking');
  return call.stage ? t(call.stage) : t('connectingCall');
}

function Control(props: {
  icon: ComponentType<{ size: number }>;
  label: string;
  keys?: string;
  action: string;
  pressed: boolean;
  alarm?: boolean;
  disabled: boolean;
  onClick: () => void;
}) {
  const Icon = props.icon;
  return (
    <UnstyledButton
      className={classes.control}
      aria-pressed={props.pressed}
      aria-keyshortcuts={props.keys}
      title={props.keys ? `${props.label} (${props.keys})` : props.label}
      data-action={props.action}
      data-alarm={props.alarm || undefined}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon size={20} />
      {props.label}
    </UnstyledButton>
  );
}
