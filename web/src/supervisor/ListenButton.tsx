import { ActionIcon } from '@mantine/core';
import { IconHeadphones, IconHeadphonesOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';

/** Listens to a call, or stops. */
export function ListenButton({ call, name }: { call: string; name: string }) {
  const { t } = useTranslation('supervisor');
  const phone = usePhone();
  const listening = usePhoneState((s) => s.supervision?.call === call && s.supervision.state !== 'ended');
  const ready = usePhoneState((s) => s.link === 'online');
  const act = listening ? t('stopListening') : t('mode.monitor');
  return (
    <ActionIcon
      variant={listening ? 'filled' : 'subtle'}
      color={listening ? 'petrol' : 'gray'}
      disabled={!ready}
      title={act}
      aria-pressed={listening}
      aria-label={`${act}: ${name}`}
      data-action="monitor"
      onClick={() => phone.dispatch(listening ? { type: 'unsupervise' } : { type: 'supervise', call, mode: 'monitor' })}
    >
      {listening ? <IconHeadphonesOff size={17} /> : <IconHeadphones size={17} />}
    </ActionIcon>
  );
}
