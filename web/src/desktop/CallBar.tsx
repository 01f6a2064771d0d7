import { Button, Group, Text } from '@mantine/core';
import { IconMicrophoneOff, IconPhoneIncoming } from '@tabler/icons-react';
import { Link, useLocation } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';
import { QueuePath, State } from '../ui/State';
import { Elapsed } from '../ui/time';
import { usePartyName } from './party';

/** The call in the header of every other screen: an agent who looks something up keeps sight of it. */
export function CallBar({ everywhere }: { everywhere?: boolean }) {
  const { t } = useTranslation(['desktop', 'common']);
  const phone = usePhone();
  const partyName = usePartyName();
  const { pathname } = useLocation();
  const offer = usePhoneState((s) => s.offer);
  const call = usePhoneState((s) => s.call);
  const muted = usePhoneState((s) => s.muted);
  const answering = usePhoneState((s) => s.answering);
  if (pathname === '/' && !everywhere) return null;
  if (offer) {
    return (
      <Group gap="sm" wrap="nowrap">
        <IconPhoneIncoming size={18} color="var(--t-good)" aria-hidden />
        <Text size="sm" fw={600} truncate>
          {partyName(offer.card)}
        </Text>
        <QueuePath path={offer.card.queue_path} />
        {!offer.device && (
          <Button
            size="compact-sm"
            color="#0f7a48"
            loading={answering}
            data-action="accept"
            onClick={() => phone.dispatch({ type: 'accept' })}
          >
            {t('accept')}
          </Button>
        )}
        <Button size="compact-sm" variant="default" onClick={() => phone.dispatch({ type: 'decline' })}>
          {t('decline')}
        </Button>
      </Group>
    );
  }
  if (!call) return null;
  return (
    <Group gap="md" wrap="nowrap">
      <State tone={call.state === 'talking' ? 'good' : 'warn'}>{t(`common:call.${call.state}`)}</State>
      <Text size="sm" fw={600} truncate>
        {partyName(call.card)}
      </Text>
      <Elapsed since={call.since} />
      {muted && <IconMicrophoneOff size={16} color="var(--t-bad)" aria-label={t('muted')} />}
      <Button component={Link} to="/" size="compact-sm" variant="default">
        {t('common:nav.desktop')}
      </Button>
    </Group>
  );
}
