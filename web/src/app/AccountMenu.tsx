import { Avatar, Menu, Text, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import {
  IconBell,
  IconBellRinging,
  IconCheck,
  IconDeviceLaptop,
  IconDevices,
  IconLanguage,
  IconLock,
  IconLogout,
  IconMessageBolt,
  IconMoon,
  IconSun,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Language, setLanguage } from '../i18n';
import { usePush } from '../profile/usePush';
import { initials } from '../ui/format';
import { useCan, useMe, useSignOut } from './session';

const languages: Array<[Language, string]> = [
  ['en', 'English'],
  ['zh', '中文'],
];
const schemes = [
  ['light', 'themeLight', IconSun],
  ['dark', 'themeDark', IconMoon],
  ['auto', 'themeAuto', IconDeviceLaptop],
] as const;

export function AccountMenu() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const can = useCan();
  const signOut = useSignOut();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={230} shadow="md">
      <Menu.Target>
        <UnstyledButton aria-label={t('account')}>
          <Avatar size={32} radius="xl" color="petrol" variant="light">
            {initials(me.name)}
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: '6px 12px 8px' }}>
          <Text fw={550} size="sm">
            {me.name}
          </Text>
          <Text size="xs" c="dimmed">
            {me.email}
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Item component={Link} to="/profile" leftSection={<IconBell size={16} />}>
          {t('notifications:own.title')}
        </Menu.Item>
        <Menu.Item component={Link} to="/security" leftSection={<IconLock size={16} />}>
          {t('login:security.title')}
        </Menu.Item>
        {can('presence', 'agents') && (
          <Menu.Item component={Link} to="/device" leftSection={<IconDevices size={16} />}>
            {t('devices:title')}
          </Menu.Item>
        )}
        {can('write', 'conversations') && (
          <Menu.Item component={Link} to="/canned-responses" leftSection={<IconMessageBolt size={16} />}>
            {t('inbox:canned')}
          </Menu.Item>
        )}
        <PushItem />
        <Menu.Divider />
        <Menu.Label>{t('language')}</Menu.Label>
        {languages.map(([code, name]) => (
          <Menu.Item
            key={code}
            lang={code}
            leftSection={<IconLanguage size={16} />}
            rightSection={i18n.language === code ? <IconCheck size={15} /> : null}
            onClick={() => setLanguage(code)}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Label>{t('theme')}</Menu.Label>
        {schemes.map(([scheme, label, Icon]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon size={16} />}
            rightSection={colorScheme === scheme ? <IconCheck size={15} /> : null}
            onClick={() => setColorScheme(scheme)}
          >
            {t(label)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={signOut}>
          {t('signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** Pushes to this browser, on or off; not offered where they are impossible. */
function PushItem() {
  const { t } = useTranslation('notifications');
  const push = usePush();
  if (!push.possible) return null;
  return (
    <Menu.Item
      closeMenuOnClick={false}
      disabled={!push.ready || push.busy}
      leftSection={<IconBellRinging size={16} />}
      onClick={() => push.change(!push.on)}
    >
      {t(push.on ? 'own.pushStop' : 'own.pushStart')}
    </Menu.Item>
  );
}
