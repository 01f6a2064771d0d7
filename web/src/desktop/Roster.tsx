import { ActionIcon, Button, Group, Stack } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Participant, Roster as RosterView } from '../phone/protocol';
import { usePhone } from '../phone/react';
import { State } from '../ui/State';

const tones = { held: 'warn', consulted: 'info', talking: 'good' } as const;

/** Who is in a call of more than two; the agent whose call it is says how it goes on. */
export function Roster({ roster }: { roster: RosterView }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const consults = roster.parties.some((one) => one.state === 'consulted');
  return (
    <section aria-label={t('roster.title')} data-roster>
      <Stack gap={6}>
        {roster.parties.map((one) => (
          <Party
            key={one.id}
            party={one}
            onRemove={
              roster.leads && one.party !== 'customer'
                ? () => phone.dispatch({ type: 'remove', party: one.id })
                : undefined
            }
          />
        ))}
      </Stack>
      {roster.leads && consults && (
        <Stack gap={6} mt={8}>
          <Button data-action="complete" onClick={() => phone.dispatch({ type: 'leave' })}>
            {t('consult.complete')}
          </Button>
          <Group grow gap={6}>
            <Button
              variant="default"
              px={6}
              aria-keyshortcuts="Alt+B"
              data-action="join"
              onClick={() => phone.dispatch({ type: 'join' })}
            >
              {t('consult.join')}
            </Button>
            <Button
              variant="default"
              px={6}
              aria-keyshortcuts="Alt+H"
              data-action="back"
              onClick={() => phone.dispatch({ type: 'hold', held: false })}
            >
              {t('consult.back')}
            </Button>
          </Group>
        </Stack>
      )}
    </section>
  );
}

function Party({ party, onRemove }: { party: Participant; onRemove: (() => void) | undefined }) {
  const { t } = useTranslation('desktop');
  const name = party.name || t('roster.unnamed');
  return (
    <Group justify="space-between" wrap="nowrap" gap="xs" data-party={party.party} data-party-state={party.state}>
      <span style={{ overflowWrap: 'anywhere', fontSize: 'var(--mantine-font-size-sm)' }}>
        {name} <span className="quiet">{t(`roster.party.${party.party}`)}</span>
      </span>
      <Group gap={4} wrap="nowrap" style={{ flexShrink: 0 }}>
        <State tone={tones[party.state]}>{t(`roster.state.${party.state}`)}</State>
        {onRemove && (
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t('roster.remove', { name })}
            data-action="remove"
            onClick={onRemove}
          >
            <IconX size={15} aria-hidden />
          </ActionIcon>
        )}
      </Group>
    </Group>
  );
}
