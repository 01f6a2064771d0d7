import { Anchor, Group } from '@mantine/core';
import { IconDeviceLandlinePhone, IconDeviceMobile, IconHeadset } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { usePhoneState } from '../phone/react';
import classes from './desktop.module.css';

const icons = { phone: IconDeviceLandlinePhone, number: IconDeviceMobile };

/** Where calls ring, and the way to change that. */
export function DeviceLine() {
  const { t } = useTranslation('desktop');
  const device = usePhoneState((s) => s.agent.device);
  const serves = usePhoneState((s) => !!s.agent.state);
  if (!device || !serves) return null;
  const Icon = icons[device as keyof typeof icons] ?? IconHeadset;
  return (
    <Group className={classes.panel} justify="space-between" wrap="nowrap" gap={8} p="8px 14px" data-part="device">
      <Group gap={8} wrap="nowrap" fz="sm">
        <Icon size={16} aria-hidden />
        {t('device.on', { device: t(`device.${device}`) })}
      </Group>
      <Anchor component={Link} to="/device" size="sm">
        {t('device.change')}
      </Anchor>
    </Group>
  );
}
