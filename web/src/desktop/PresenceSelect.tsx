import { Button, Menu } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Presence } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { Elapsed } from '../ui/time';
import classes from './desktop.module.css';

const awayReasons = ['break', 'lunch', 'training', 'meeting'];

const tones: Record<Presence, string> = {
  AVAILABLE: 'var(--t-good)',
  AWAY: 'var(--t-warn)',
  BUSY: 'var(--t-bad)',
  OFFLINE: 'var(--t-quiet)',
};

const dot = (presence: Presence) => (
  <span className={classes.presenceDot} style={{ background: tones[presence] }} aria-hidden />
);

/** The agent's presence, with the reasons for being away. */
export function PresenceSelect() {
  const { t } = useTranslation();
  const phone = usePhone();
  const agent = usePhoneState((s) => s.agent);
  const online = usePhoneState((s) => s.link === 'online');
  // Whoever serves no queues has no presence that anybody would ask for.
  if (online && !agent.state) return null;
  const set = (presence: Presence, reason = '') => {
    // The click also unlocks sound: an agent who becomes available must be able to hear the ring.
    if (presence === 'AVAILABLE') void phone.goOnline();
    phone.dispatch({ type: 'presence', presence, reason });
  };
  const name = t(`presence.${agent.presence}`);
  const label = agent.reason ? `${name}: ${t(`presence.away.${agent.reason}`, agent.reason)}` : name;
  return (
    <Menu position="bottom-end" width={210} shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          size="compact-md"
          disabled={!online}
          aria-label={`${t('presence.label')}: ${label}`}
          leftSection={dot(agent.presence)}
          rightSection={<IconChevronDown size={14} />}
        >
          {label}
          {agent.presence_since && (
            <span className={classes.presenceSince}>
              <Elapsed since={agent.presence_since} />
            </span>
          )}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={dot('AVAILABLE')} onClick={() => set('AVAILABLE')}>
          {t('presence.AVAILABLE')}
        </Menu.Item>
        <Menu.Item leftSection={dot('BUSY')} onClick={() => set('BUSY')}>
          {t('presence.BUSY')}
        </Menu.Item>
        <Menu.Label>{t('presence.AWAY')}</Menu.Label>
        {awayReasons.map((reason) => (
          <Menu.Item key={reason} leftSection={dot('AWAY')} onClick={() => set('AWAY', reason)}>
            {t(`presence.away.${reason}`, reason)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={dot('OFFLINE')} onClick={() => set('OFFLINE')}>
          {t('presence.OFFLINE')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
