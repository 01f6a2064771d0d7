import { ActionIcon, Button, NumberInput, Select, Skeleton, Table, Text } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { agentsQuery, queueMembersQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';

type Member = Schema['Member'];

/** Who takes this queue's calls, in which order, and what each of them puts first. */
export function Members({ queue }: { queue: string }) {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const members = useQuery(queueMembersQuery(queue));
  const agents = useQuery(agentsQuery);
  const [changed, setChanged] = useState<Member[] | null>(null);
  const save = useSave({
    save: (list: Member[]) =>
      body(
        api.PUT('/api/v1/queues/{id}/members', {
          params: { path: { id: queue } },
          body: { agents: list.map((m) => m.agent), members: list },
        }),
      ),
    nouns: ['queues', 'agents'],
    done: () => setChanged(null),
  });
  const error = members.error ?? agents.error;
  if (error) return <ErrorNotice error={error} onRetry={() => void members.refetch()} />;
  if (!members.data || !agents.data) return <Skeleton height={120} />;
  const list = changed ?? members.data.members ?? [];
  const names = new Map(agents.data.map((a) => [a.id, a.name]));
  const nameOf = (id: string) => names.get(id) ?? id.slice(-6);
  const readOnly = !can('write', 'queues');
  const others = agents.data.filter((a) => !list.some((m) => m.agent === a.id));
  const change = (index: number, next: Partial<Member>) =>
    setChanged(list.map((m, i) => (i === index ? { ...m, ...next } : m)));
  const swap = (index: number, other: number) => {
    const next = [...list];
    const [a, b] = [next[index], next[other]];
    if (a && b) [next[index], next[other]] = [b, a];
    setChanged(next);
  };
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: 12, alignItems: 'flex-start' }}>
      <Text size="sm" c="dimmed">
        {t('queues.membersHint')}
      </Text>
      {list.length > 0 && (
        <Table.ScrollContainer minWidth={520} w="100%">
          <Table verticalSpacing={6} aria-label={t('queues.agents')}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th w={90}>{t('queues.order')}</Table.Th>
                <Table.Th>{t('common:name')}</Table.Th>
                <Table.Th w={140}>{t('queues.ownPriority')}</Table.Th>
                <Table.Th w={150}>{t('queues.ownDelay')}</Table.Th>
                <Table.Th w={40} aria-label={t('common:actions')} />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {list.map((m, index) => (
                <Table.Tr key={m.agent}>
                  <Table.Td>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      disabled={readOnly || index === 0}
                      aria-label={t('queues.moveUp', { name: nameOf(m.agent) })}
                      onClick={() => swap(index, index - 1)}
                    >
                      <IconArrowUp size={16} />
                    </ActionIcon>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      disabled={readOnly || index === list.length - 1}
                      aria-label={t('queues.moveDown', { name: nameOf(m.agent) })}
                      onClick={() => swap(index, index + 1)}
                    >
                      <IconArrowDown size={16} />
                    </ActionIcon>
                  </Table.Td>
                  <Table.Td>{nameOf(m.agent)}</Table.Td>
                  <Table.Td>
                    <NumberInput
                      aria-label={`${t('queues.ownPriority')}: ${nameOf(m.agent)}`}
                      size="xs"
                      min={-100}
                      max={100}
                      allowDecimal={false}
                      disabled={readOnly}
                      value={m.priority}
                      onChange={(priority) => typeof priority === 'number' && change(index, { priority })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <NumberInput
                      aria-label={`${t('queues.ownDelay')}: ${nameOf(m.agent)}`}
                      size="xs"
                      min={0}
                      max={3600}
                      step={5}
                      allowDecimal={false}
                      suffix={` ${t('settings.seconds')}`}
                      disabled={readOnly}
                      value={m.delay_seconds}
                      onChange={(delay) => typeof delay === 'number' && change(index, { delay_seconds: delay })}
                      onBlur={() =>
                        m.delay_seconds % 5 !== 0 &&
                        change(index, { delay_seconds: Math.round(m.delay_seconds / 5) * 5 })
                      }
                    />
                  </Table.Td>
                  <Table.Td>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      disabled={readOnly}
                      aria-label={t('queues.removeAgent', { name: nameOf(m.agent) })}
                      onClick={() => setChanged(list.filter((one) => one.agent !== m.agent))}
                    >
                      <IconX size={16} />
                    </ActionIcon>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {list.length === 0 && (
        <Text size="sm" c="var(--t-warn)">
          {t('queues.agentsNone')}
        </Text>
      )}
      {!readOnly && (
        <Select
          w={300}
          searchable
          aria-label={t('queues.addAgent')}
          placeholder={t('queues.addAgent')}
          data={others.map((a) => ({ value: a.id, label: a.name }))}
          value={null}
          onChange={(agent) => agent && setChanged([...list, { agent, priority: 0, delay_seconds: 0 }])}
        />
      )}
      {save.error && <ErrorNotice error={save.error} />}
      <Button disabled={!changed} loading={save.isPending} onClick={() => save.mutate(list)}>
        {t('common:save')}
      </Button>
    </div>
  );
}
