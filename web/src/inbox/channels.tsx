import {
  IconBrandInstagram,
  IconBrandLine,
  IconBrandMessenger,
  IconBrandTelegram,
  IconBrandViber,
  IconBrandWechat,
  IconBrandWhatsapp,
  IconDeviceMobile,
  IconDeviceMobileMessage,
  IconMessageCircle,
  IconWorld,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';

const icons: Record<string, ComponentType<{ size: number; 'aria-hidden': true }>> = {
  whatsapp: IconBrandWhatsapp,
  messenger: IconBrandMessenger,
  instagram: IconBrandInstagram,
  wechat: IconBrandWechat,
  line: IconBrandLine,
  telegram: IconBrandTelegram,
  viber: IconBrandViber,
  sms: IconDeviceMobileMessage,
  web: IconWorld,
  mobile: IconDeviceMobile,
};

/** The channels that conversations come by. */
export const channels = Object.keys(icons);

/** The sign of a channel, with its name for those who cannot see it. */
export function ChannelIcon({ channel, size = 16 }: { channel: string; size?: number }) {
  const { t } = useTranslation('inbox');
  const Icon = icons[channel] ?? IconMessageCircle;
  const name = t(`channels.${channel}`, channel);
  return (
    <span title={name} style={{ display: 'inline-flex', flex: 'none' }}>
      <Icon size={size} aria-hidden />
      <span className="sr-only">{name}</span>
    </span>
  );
}
