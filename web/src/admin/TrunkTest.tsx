import { Alert, Button, Group, Modal, Stack, Table, Text, TextInput } from '@mantine/core';
import { IconPhoneOutgoing } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { useCloseLabel } from '../ui/useCloseLabel';

type Result = Schema['TestCall'];

const results = ['answered', 'busy', 'no_answer', 'declined', 'unreachable'];

/** Calls a number by a trunk, and shows how it went. */
export function TrunkTest({ trunk, onClose }: { trunk: Schema['Trunk']; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const [number, setNumber] = useState('');
  const test = useSave({
    save: () =>
      body(api.POST('/api/v1/trunks/{id}/test-call', { params: { path: { id: trunk.id } }, body: { number } })),
    nouns: [],
    quiet: true,
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={`${t('trunks.test.title')}: ${trunk.name}`}
      closeButtonProps={useCloseLabel()}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          test.mutate(undefined);
        }}
      >
        <Stack gap="md">
          <TextInput
            label={t('trunks.test.number')}
            description={t('trunks.test.hint')}
            placeholder="+49301234567"
            type="tel"
            required
            maxLength={60}
            data-autofocus
            value={number}
            onChange={(event) => setNumber(event.currentTarget.value)}
          />
          <div aria-live="polite" style={{ minHeight: 160 }}>
            {test.isPending ? (
              <Text size="sm" c="dimmed">
                {t('trunks.test.pending')}
              </Text>
            ) : test.error ? (
              <ErrorNotice error={test.error} />
            ) : (
              test.data && <Outcome result={test.data} />
            )}
          </div>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('common:close')}
            </Button>
            <Button
              type="submit"
              leftSection={<IconPhoneOutgoing size={17} />}
              loading={test.isPending}
              data-action="test-call"
            >
              {t('trunks.test.call')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Outcome({ result }: { result: Result }) {
  const { t } = useTranslation('admin');
  const heard = result.quality?.in;
  const good = result.result === 'answered' && !!heard?.packets;
  const seconds = (n?: number) => (n === undefined ? '–' : t('trunks.test.seconds', { n: n.toFixed(1) }));
  const facts: [string, string][] = [
    ['status', result.sip_status ? String(result.sip_status) : '–'],
    ['rang', seconds(result.rang_after_seconds)],
    ['answered', seconds(result.answered_after_seconds)],
  ];
  if (result.quality) {
    facts.push(
      ['codec', result.codec ?? '–'],
      ['sent', String(result.quality.out.packets)],
      ['received', `${heard?.packets ?? 0} (${t('trunks.test.lost', { n: heard?.lost ?? 0 })})`],
      ['mos', heard?.mos ? heard.mos.toFixed(1) : '–'],
    );
  }
  return (
    <Stack gap="sm">
      <Alert variant="light" color={good ? 'green' : 'red'} p="sm">
        {result.result === 'answered' && !good
          ? t('trunks.test.silent')
          : t(`trunks.test.results.${results.includes(result.result) ? result.result : 'other'}`)}
      </Alert>
      <Table withRowBorders={false} verticalSpacing={2}>
        <Table.Tbody>
          {facts.map(([key, value]) => (
            <Table.Tr key={key}>
              <Table.Th fw={400} c="dimmed">
                {t(`trunks.test.${key}`)}
              </Table.Th>
              <Table.Td className="tnum">{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}
