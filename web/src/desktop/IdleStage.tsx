import { Alert, Button, Loader } from '@mantine/core';
import { IconHeadset, IconPhone, IconPhoneOff, IconPhonePause } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { elsewhere, type PhoneState } from '../phone/machine';
import { usePhone, usePhoneState } from '../phone/react';
import classes from './desktop.module.css';
import { MicrophoneCheck } from './MicrophoneCheck';

const FAULTS = ['NotAllowedError', 'NotFoundError', 'NotReadableError'];

/** No call: what stands between the agent and the next one, and the button that removes it. */
export function IdleStage() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const media = usePhoneState((s) => s.media);
  const fault = usePhoneState((s) => s.mediaFault);
  const other = usePhoneState((s) => elsewhere(s.agent));
  return (
    <section className={`${classes.panel} ${classes.stage}`} aria-label={t('phone')}>
      {fault && !other && (
        <Alert role="alert" color="red" variant="light" p="sm" mb={8}>
          {t(`fault.${FAULTS.includes(fault) ? fault : 'other'}`)}
        </Alert>
      )}
      {other ? (
        <Online media={media} />
      ) : media === 'off' ? (
        <Centre icon={<IconPhoneOff size={24} />} title={t('goOnlineTitle')} text={t('goOnlineText')}>
          <Button
            mt={8}
            leftSection={<IconHeadset size={17} />}
            data-action="go-online"
            onClick={() => goOnline(phone)}
          >
            {t('goOnline')}
          </Button>
        </Centre>
      ) : media === 'asking' ? (
        <Centre icon={<Loader size={22} />} title={t('asking')} />
      ) : media === 'blocked' ? (
        <Centre icon={<IconPhoneOff size={24} />} title={t('blocked')}>
          <Button mt={8} onClick={() => phone.unblock()}>
            {t('unblock')}
          </Button>
        </Centre>
      ) : (
        <Online media={media} />
      )}
    </section>
  );
}

function goOnline(phone: ReturnType<typeof usePhone>): void {
  void phone.goOnline();
  // Asked for here because browsers want a click; a refusal only means no notification.
  if ('Notification' in window && Notification.permission === 'default') void Notification.requestPermission();
}

function Online({ media }: { media: PhoneState['media'] }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const agent = usePhoneState((s) => s.agent);
  const proven = usePhoneState((s) => s.micProven);
  const available = () => phone.dispatch({ type: 'presence', presence: 'AVAILABLE' });
  const other = elsewhere(agent);
  const device = t(`device.${agent.device ?? 'browser'}`);
  const barred = agent.state === 'NOT_RESPONDING' || agent.state === 'UNREACHABLE';
  const head = (
    <div className={classes.stageHead} role="status">
      {other ? '' : media === 'connecting' ? t('connectingMedia') : media === 'interrupted' ? t('interrupted') : ''}
    </div>
  );
  if (!agent.state) {
    return (
      <>
        {head}
        <Centre icon={<IconPhonePause size={24} />} title={t('noQueues')} text={t('noQueuesText')} />
      </>
    );
  }
  if (agent.state === 'UNREACHABLE' && agent.device === 'phone' && !agent.until) {
    return (
      <>
        {head}
        <Centre icon={<IconPhoneOff size={24} />} title={t('device.away')} text={t('device.awayText')} />
      </>
    );
  }
  if (barred && agent.presence !== 'OFFLINE') {
    return (
      <>
        {head}
        <Centre
          icon={<IconPhonePause size={24} />}
          title={t(agent.state === 'NOT_RESPONDING' ? 'notResponding' : 'unreachable')}
          text={t('notRespondingText')}
        >
          <Button mt={8} data-action="im-back" onClick={available}>
            {t('imBack')}
          </Button>
        </Centre>
      </>
    );
  }
  if (agent.presence === 'AVAILABLE') {
    return (
      <>
        {head}
        <Centre
          icon={<IconPhone size={24} />}
          ready
          title={t('ready')}
          text={other ? t('device.ready', { device }) : t('readyText')}
        />
      </>
    );
  }
  return (
    <>
      {head}
      <Centre icon={<IconPhonePause size={24} />} title={t('notAvailable')} text={t('notAvailableText')} />
      {!other && <MicrophoneCheck />}
      <Button mt={12} fullWidth disabled={!proven && !other} data-action="go-available" onClick={available}>
        {t('goAvailable')}
      </Button>
      {!proven && !other && (
        <Button mt={4} size="compact-xs" variant="subtle" data-action="skip-check" onClick={available}>
          {t('mic.skip')}
        </Button>
      )}
    </>
  );
}

function Centre(props: { icon: ReactNode; title: string; text?: string; ready?: boolean; children?: ReactNode }) {
  return (
    <div className={classes.centre}>
      <span className={classes.idleIcon} data-ready={props.ready || undefined} aria-hidden>
        {props.icon}
      </span>
      <div style={{ fontWeight: 600, marginTop: 6 }}>{props.title}</div>
      {props.text && (
        <div className="quiet" style={{ fontSize: 'var(--mantine-font-size-sm)', maxWidth: 250 }}>
          {props.text}
        </div>
      )}
      {props.children}
    </div>
  );
}
