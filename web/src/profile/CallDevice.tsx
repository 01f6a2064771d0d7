import { Button, Group, NumberInput, Radio, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { deviceQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page } from '../ui/Page';
import classes from './profile.module.css';
import { Telephone } from './Telephone';

type Device = Schema['AgentDevice'];
type Kind = Device['kind'];

/** Where the signed-in agent's calls ring. */
export function CallDevicePage() {
  const { t } = useTranslation('devices');
  return (
    <Page title={t('title')} note={t('lead')}>
      <Stack gap="lg" maw={720}>
        <CallDevice />
      </Stack>
    </Page>
  );
}

/** What an agent takes calls on: the signed-in one, or, for administrators, another. It saves by itself. */
export function CallDevice({ agent, readOnly }: { agent?: string; readOnly?: boolean }) {
  const { data, error, refetch } = useQuery(deviceQuery(agent));
  if (error) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!data) return <Skeleton height={280} />;
  return <Choice device={data} agent={agent} readOnly={readOnly === true} />;
}

function Choice({ device, agent, readOnly }: { device: Device; agent: string | undefined; readOnly: boolean }) {
  const { t } = useTranslation(['devices', 'common']);
  const [changed, setChanged] = useState<Device | null>(null);
  const wish = changed ?? device;
  const save = useSave({
    save: (input: Device) =>
      body(
        agent
          ? api.PUT('/api/v1/agents/{id}/device', { params: { path: { id: agent } }, body: input })
          : api.PUT('/api/v1/me/device', { body: input }),
      ),
    nouns: ['agents'],
    done: (saved) => setChanged(saved),
  });
  const change = (part: Partial<Device>) => setChanged({ ...wish, ...part });
  // A SIP address is for machines: administrators may give one, and nobody sees the choice who has none.
  const kinds: Kind[] =
    agent || device.kind === 'sip' ? ['browser', 'phone', 'number', 'sip'] : ['browser', 'phone', 'number'];
  return (
    <div className={classes.panel}>
      <Stack gap="md">
        <Radio.Group label={t('rings')} value={wish.kind} onChange={(kind) => change({ kind: kind as Kind })}>
          <Stack gap="sm" mt="xs">
            {kinds.map((kind) => (
              <Radio
                key={kind}
                value={kind}
                label={t(`kinds.${kind}`)}
                description={t(`hints.${kind}`)}
                disabled={readOnly}
              />
            ))}
          </Stack>
        </Radio.Group>
        {wish.kind === 'number' && (
          <TextInput
            label={t('number')}
            description={t('numberHint')}
            type="tel"
            placeholder="+49 151 23456789"
            value={wish.number ?? ''}
            onChange={(event) => change({ number: event.currentTarget.value })}
            readOnly={readOnly}
          />
        )}
        {wish.kind === 'sip' && (
          <TextInput
            label={t('address')}
            placeholder="sip:desk@192.0.2.7:5060"
            value={wish.address ?? ''}
            onChange={(event) => change({ address: event.currentTarget.value })}
            readOnly={readOnly}
          />
        )}
        {wish.kind === 'phone' && <Telephone agent={agent} readOnly={readOnly} />}
        {wish.kind !== 'browser' && (
          <NumberInput
            label={t('ring')}
            description={t('ringHint')}
            min={10}
            max={120}
            allowDecimal={false}
            suffix={` ${t('seconds')}`}
            value={wish.ring_seconds || ''}
            onChange={(value) => change({ ring_seconds: Number(value) || 0 })}
            readOnly={readOnly}
          />
        )}
        {save.error && <ErrorNotice error={save.error} />}
        {!readOnly && (
          <Group justify="space-between">
            <Text size="sm" c="dimmed">
              {t('next')}
            </Text>
            <Button loading={save.isPending} data-action="choose-device" onClick={() => save.mutate(only(wish))}>
              {t('choose')}
            </Button>
          </Group>
        )}
      </Stack>
    </div>
  );
}

// What belongs to another kind is not sent.
function only({ kind, number, address, ring_seconds }: Device): Device {
  const ring = kind === 'browser' ? {} : { ring_seconds: ring_seconds ?? 0 };
  if (kind === 'number') return { kind, number: number ?? '', ...ring };
  if (kind === 'sip') return { kind, address: address ?? '', ...ring };
  return { kind, ...ring };
}
