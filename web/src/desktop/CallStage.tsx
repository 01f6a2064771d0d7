import { Button, UnstyledButton } from '@mantine/core';
import {
  IconGridDots,
  IconMicrophone,
  IconMicrophoneOff,
  IconNotes,
  IconPhoneOff,
  IconPhoneOutgoing,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerRecord,
  IconPlayerRecordFilled,
} from '@tabler/icons-react';
import { type ComponentType, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { consultable, consulting, leads, sendable, transferable, underWay } from '../phone/machine';
import type { CallView } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { QueuePath, State, Tag } from '../ui/State';
import { Elapsed, Remaining } from '../ui/time';
import classes from './desktop.module.css';
import { Keypad } from './Keypad';
import { usePartyName } from './party';
import { Quality } from './Quality';
import { Roster } from './Roster';
import { TransferDialog, type Way } from './TransferDialog';
import { TransferNotice } from './TransferNotice';

export function CallStage({ call }: { call: CallView }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const partyName = usePartyName();
  const muted = usePhoneState((s) => s.muted);
  const online = usePhoneState((s) => s.link === 'online');
  const asked = usePhoneState((s) => s.agent.wrap_up_asked === true);
  const [keypad, setKeypad] = useState(false);
  const [dialog, setDialog] = useTransfer();
  const talking = call.state === 'talking' || call.state === 'held';
  const held = call.state === 'held' || call.held === true;
  const own = leads(call);
  const asking = held ? 'consult' : 'add';
  return (
    <section className={`${classes.panel} ${classes.stage}`} aria-label={t('phone')}>
      <div className={classes.stageHead}>
        <span role="status">
          <State tone={held ? 'warn' : talking ? 'good' : 'info'} pulse={!talking}>
            {stateText(call, held, t)}
          </State>
        </span>
        {!call.device && <Quality />}
      </div>
      <div className={classes.centre}>
        <div className={classes.party}>{partyName(call.card)}</div>
        {call.card?.name && call.card.caller && <div className="quiet tnum">{call.card.caller}</div>}
        {call.card?.queue_path?.length ? <QueuePath path={call.card.queue_path} /> : null}
        {call.device && <Tag tone="info">{t('device.talk', { device: t(`device.${call.device}`) })}</Tag>}
        <div className={classes.timer}>
          <Elapsed since={call.answered_at ?? call.since} />
        </div>
        {call.answered_by && (
          <span role="status">
            <Tag tone={call.answered_by === 'machine' ? 'warn' : 'info'}>
              {t(`dial.answeredBy.${call.beep ? 'beep' : call.answered_by}`)}
            </Tag>
          </span>
        )}
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
      {call.transfer && <TransferNotice transfer={call.transfer} />}
      {call.roster && <Roster roster={call.roster} />}
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
          disabled={!online || !talking || !own || underWay(call.transfer)}
          onClick={() => phone.dispatch({ type: 'hold', held: !held })}
        />
        {call.recording && (
          <Control
            icon={call.recording === 'paused' ? IconPlayerRecordFilled : IconPlayerRecord}
            label={call.recording === 'paused' ? t('recordAgain') : t('pauseRecording')}
            keys="Alt+R"
            action="redact"
            pressed={call.recording === 'paused'}
            disabled={!online || !own}
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
        {sendable(call) && (
          <Control
            icon={IconPhoneOutgoing}
            label={call.roster ? t('consult.add') : t('transfer.title')}
            keys={call.roster ? undefined : 'Alt+T'}
            action={call.roster ? 'add' : 'transfer'}
            pressed={dialog !== null}
            disabled={!online || !consultable(call)}
            onClick={() => setDialog(call.roster ? asking : 'transfer')}
          />
        )}
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
        {call.roster ? t('roster.leave') : t('hangup')}
      </Button>
      {dialog && (dialog === 'transfer' ? transferable(call) : consultable(call)) && (
        <TransferDialog key={dialog} name={partyName(call.card)} way={dialog} onClose={() => setDialog(null)} />
      )}
    </section>
  );
}

// The dialog, which Alt+T and Alt+O open too.
function useTransfer(): [Way | null, (open: Way | null) => void] {
  const phone = usePhone();
  const [open, setOpen] = useState<Way | null>(null);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      if (event.code !== 'KeyT' && event.code !== 'KeyO') return;
      event.preventDefault();
      const { call } = phone.getState();
      if (event.code === 'KeyT' && transferable(call)) setOpen('transfer');
      if (event.code === 'KeyO' && consultable(call)) setOpen('consult');
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [phone]);
  return [open, setOpen];
}

function stateText(call: CallView, held: boolean, t: (key: string) => string): string {
  if (consulting(call)) return t('consult.status');
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
