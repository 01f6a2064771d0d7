import { Button, Menu } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { presencesQuery } from '../api/queries';
import { elsewhere } from '../phone/machine';
import type { AgentView, Presence } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { Elapsed, useNow } from '../ui/time';
import classes from './desktop.module.css';

type Word = Schema['PresenceWord'];

// Reasons for a tenant that has none of its own.
const awayReasons = ['break', 'lunch', 'training', 'meeting'];

const tones: Record<Presence, string> = {
  AVAILABLE: 'var(--t-good)',
  AWAY: 'var(--t-warn)',
  BUSY: 'var(--t-bad)',
  OFFLINE: 'var(--t-quiet)',
};

const dot = (colour: string) => <span className={classes.presenceDot} style={{ background: colour }} aria-hidden />;

/** The agent's presence with the tenant's own words for it; during an interaction also the one for afterwards. */
export function PresenceSelect() {
  const { t } = useTranslation();
  const phone = usePhone();
  const agent = usePhoneState((s) => s.agent);
  const online = usePhoneState((s) => s.link === 'online');
  const { data: words = [] } = useQuery({ ...presencesQuery, enabled: online && !!agent.state });
  // Whoever serves no queues has no presence that anybody would ask for.
  if (online && !agent.state) return null;
  const set = (presence: Presence, reason = '') => {
    // The click also unlocks sound: an agent who becomes available must be able to hear the ring.
    if (presence === 'AVAILABLE' && !elsewhere(agent)) void phone.goOnline();
    phone.dispatch({ type: 'presence', presence, reason });
  };
  const textOf = (presence: Presence, reason?: string) => {
    const name = t(`presence.${presence}`);
    if (!reason) return name;
    return wordFor(words, presence, reason) ? reason : `${name}: ${t(`presence.away.${reason}`, reason)}`;
  };
  const label = textOf(agent.presence, agent.reason);
  const working =
    agent.state !== undefined && ['CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING', 'WRAP_UP'].includes(agent.state);
  return (
    <Menu position="bottom-end" width={240} shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          size="compact-md"
          disabled={!online}
          aria-label={`${t('presence.label')}: ${label}`}
          leftSection={dot(wordFor(words, agent.presence, agent.reason)?.colour ?? tones[agent.presence])}
          rightSection={<IconChevronDown size={14} />}
        >
          {label}
          <Since agent={agent} />
          {agent.next_presence && (
            <span className={classes.presenceSince}>
              {t('presence.next')}: {textOf(agent.next_presence, agent.next_reason)}
            </span>
          )}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Choices words={words} onChoose={set} />
        {working && (
          <>
            <Menu.Divider />
            {/* biome-ignore lint/a11y/useSemanticElements: a group of menu items is no fieldset */}
            <div role="group" aria-label={t('presence.nextLabel')}>
              <Menu.Label aria-hidden>{t('presence.nextLabel')}</Menu.Label>
              <Choices
                words={words}
                chosen={agent.next_presence ? `${agent.next_presence} ${agent.next_reason ?? ''}` : undefined}
                onChoose={(presence, reason = '') => phone.dispatch({ type: 'nextPresence', presence, reason })}
              />
              {agent.next_presence && (
                <Menu.Item onClick={() => phone.dispatch({ type: 'nextPresence', presence: '' })}>
                  {t('presence.nextNone')}
                </Menu.Item>
              )}
            </div>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function wordFor(words: Word[], presence: Presence, reason: string | undefined): Word | undefined {
  return words.find((w) => w.presence === presence && w.name.toLowerCase() === reason?.toLowerCase());
}

/** For how long the presence has lasted; marked once it is longer than its reason allows. */
function Since({ agent }: { agent: AgentView }) {
  const { t } = useTranslation();
  const now = useNow();
  if (!agent.presence_since) return null;
  const over = agent.presence_until !== undefined && Date.parse(agent.presence_until) <= now;
  return (
    <span
      className={classes.presenceSince}
      style={over ? { color: 'var(--t-bad)', fontWeight: 550 } : undefined}
      title={over ? t('presence.overrun') : undefined}
      data-overrun={over || undefined}
    >
      <Elapsed since={agent.presence_since} />
      {over && <span className="sr-only"> {t('presence.overrun')}</span>}
    </span>
  );
}

function Choices(props: {
  words: Word[];
  chosen?: string | undefined;
  onChoose: (presence: Presence, reason?: string) => void;
}) {
  const { t } = useTranslation();
  const { words, onChoose } = props;
  const of = (presence: Presence) => words.filter((w) => w.presence === presence);
  const item = (presence: Presence, reason: string, text: string, colour: string) => (
    <Menu.Item
      key={`${presence} ${reason}`}
      leftSection={dot(colour)}
      aria-current={props.chosen === `${presence} ${reason}` || undefined}
      onClick={() => onChoose(presence, reason)}
    >
      {text}
    </Menu.Item>
  );
  const own = (presence: Presence) => of(presence).map((w) => item(presence, w.name, w.name, w.colour));
  return (
    <>
      {item('AVAILABLE', '', t('presence.AVAILABLE'), tones.AVAILABLE)}
      {own('AVAILABLE')}
      {item('BUSY', '', t('presence.BUSY'), tones.BUSY)}
      {own('BUSY')}
      {/* biome-ignore lint/a11y/useSemanticElements: a group of menu items is no fieldset */}
      <div role="group" aria-label={t('presence.AWAY')}>
        <Menu.Label aria-hidden>{t('presence.AWAY')}</Menu.Label>
        {of('AWAY').length > 0
          ? own('AWAY')
          : awayReasons.map((reason) => item('AWAY', reason, t(`presence.away.${reason}`, reason), tones.AWAY))}
      </div>
      <Menu.Divider />
      {item('OFFLINE', '', t('presence.OFFLINE'), tones.OFFLINE)}
    </>
  );
}
