import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useTransferTargets } from '../inbox/targets';
import type { TransferTarget } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { ErrorNotice } from '../ui/ErrorNotice';
import { useCloseLabel } from '../ui/useCloseLabel';

// As people write telephone numbers.
const NUMBER = /^\+?[0-9*#][0-9*#\s()/.-]*$/;

/** What becomes of whom the dialog finds: the caller is sent there, or they are asked in, out of the caller's hearing first or not. */
export type Way = 'transfer' | 'consult' | 'add';

const titles = { transfer: 'transfer.of', consult: 'consult.title', add: 'consult.addTitle' };
const texts = { transfer: 'transfer.text', consult: 'consult.text', add: 'consult.addText' };
const verbs = { transfer: 'transfer.title', consult: 'consult.now', add: 'consult.add' };

/** One field finds colleagues and queues by name, and takes a number. */
export function TransferDialog({ name, way, onClose }: { name: string; way: Way; onClose: () => void }) {
  const { t } = useTranslation(['desktop', 'common']);
  const phone = usePhone();
  const [search, setSearch] = useState('');
  const [to, setTo] = useState<string | null>(null);
  const targets = useTransferTargets('ivr');
  // A call that came to an agent by no queue is sent on to queues, but nobody of a queue is asked into it.
  const unqueued = usePhoneState((s) => s.call?.card?.extension === true);
  const number = NUMBER.test(search.trim()) ? search.trim() : to?.startsWith('number:') ? to.slice(7) : '';
  const send = (type: Way) => {
    if (!to) return;
    phone.dispatch({ type, to: targetOf(to) });
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t(titles[way], { name })} closeButtonProps={useCloseLabel()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send(way);
        }}
      >
        <Stack gap="md">
          <Select
            label={t('transfer.to')}
            description={t('transfer.toHint')}
            required
            searchable
            selectFirstOptionOnChange
            data-autofocus
            data-field="transfer-to"
            nothingFoundMessage={t('transfer.nobody')}
            data={[
              ...(number ? [{ group: t('transfer.number'), items: [numberOption(number)] }] : []),
              { group: t('transfer.agents'), items: each('agent', targets.agents) },
              ...(unqueued && way !== 'transfer'
                ? []
                : [{ group: t('transfer.queues'), items: each('queue', targets.queues) }]),
            ]}
            searchValue={search}
            onSearchChange={setSearch}
            value={to}
            onChange={setTo}
          />
          {targets.error && <ErrorNotice error={targets.error} onRetry={targets.refetch} />}
          <Text size="sm" c="dimmed">
            {t(texts[way])}
          </Text>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('common:cancel')}
            </Button>
            {way !== 'consult' && (
              <Button
                variant="default"
                disabled={!to || (unqueued && to.startsWith('queue:'))}
                data-action="consult-first"
                onClick={() => send('consult')}
              >
                {t('consult.first')}
              </Button>
            )}
            <Button type="submit" disabled={!to} data-action={`${way}-now`}>
              {t(verbs[way])}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

const numberOption = (number: string) => ({ value: `number:${number}`, label: number });

function targetOf(value: string): TransferTarget {
  const id = value.slice(value.indexOf(':') + 1);
  if (value.startsWith('agent:')) return { agent: id };
  return value.startsWith('queue:') ? { queue: id } : { number: id };
}

interface Option {
  value: string;
  label: string;
}

const each = (kind: 'agent' | 'queue', options: Option[]): Option[] =>
  options.map((one) => ({ ...one, value: `${kind}:${one.value}` }));
