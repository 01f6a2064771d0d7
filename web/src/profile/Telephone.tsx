import { Alert, Button, Code, Group, Skeleton, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Made } from '../admin/APIKeys';
import { api, body, type Schema } from '../api/client';
import { telephoneQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useConfirm } from '../ui/confirm';
import { ErrorNotice } from '../ui/ErrorNotice';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';

/** An agent's SIP account: what a telephone is set up with, and where one is registered. */
export function Telephone({ agent, readOnly }: { agent: string | undefined; readOnly: boolean }) {
  const { t } = useTranslation('devices');
  const confirm = useConfirm();
  const { data, error, refetch } = useQuery(telephoneQuery(agent));
  const make = useSave({
    save: () =>
      body(
        agent
          ? api.POST('/api/v1/agents/{id}/phone/secret', { params: { path: { id: agent } } })
          : api.POST('/api/v1/me/phone/secret'),
      ),
    nouns: ['agents'],
    quiet: true,
  });
  if (error) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!data) return <Skeleton height={72} />;
  const ask = () =>
    data.username
      ? confirm({
          title: t('phone.again'),
          text: t('phone.againText'),
          action: t('phone.make'),
          onConfirm: () => make.mutate(undefined),
        })
      : make.mutate(undefined);
  return (
    <Stack gap="sm" data-part="telephone">
      <Contacts telephone={data} />
      {make.data && <Settings account={make.data} />}
      {make.error && <ErrorNotice error={make.error} />}
      {!readOnly && (
        <Group gap="sm">
          <Button variant="default" loading={make.isPending} data-action="make-secret" onClick={ask}>
            {data.username ? t('phone.make') : t('phone.first')}
          </Button>
          {data.username && (
            <Text size="sm" c="dimmed" style={{ flex: 1 }}>
              {data.generated ? t('phone.own') : t('phone.password')}
            </Text>
          )}
        </Group>
      )}
    </Stack>
  );
}

function Contacts({ telephone }: { telephone: Schema['Telephone'] }) {
  const { t } = useTranslation('devices');
  if (!telephone.username) return <Text size="sm">{t('phone.none')}</Text>;
  if (telephone.contacts.length === 0) return <State tone="bad">{t('phone.away', { name: telephone.username })}</State>;
  return (
    <>
      <State tone="good">{t('phone.there', { name: telephone.username })}</State>
      <Table verticalSpacing={6} aria-label={t('phone.contacts')}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t('phone.agent')}</Table.Th>
            <Table.Th scope="col">{t('phone.from')}</Table.Th>
            <Table.Th scope="col">{t('phone.since')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {telephone.contacts.map((contact) => (
            <Table.Tr key={contact.contact}>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{contact.user_agent || '–'}</Table.Td>
              <Table.Td className="tnum">
                {contact.received} <span className="quiet">{contact.transport.toUpperCase()}</span>
              </Table.Td>
              <Table.Td>
                <DateTime time={contact.since} short />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

/** Shown once, right after the secret was made. */
function Settings({ account }: { account: Schema['PhoneAccount'] }) {
  const { t } = useTranslation('devices');
  const rows = [
    [t('phone.server'), window.location.hostname],
    [t('phone.transports'), account.transports.map((x) => `${x.name.toUpperCase()} ${x.port}`).join(', ')],
    [t('phone.user'), account.username],
    [t('phone.realm'), account.realm],
  ];
  return (
    <>
      <Alert variant="light" title={t('phone.settings')}>
        <Table withRowBorders={false} verticalSpacing={2} aria-label={t('phone.settings')}>
          <Table.Tbody>
            {rows.map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={400} w={160}>
                  {name}
                </Table.Th>
                <Table.Td>
                  <Code>{value}</Code>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Alert>
      <Made secret={account.secret} />
    </>
  );
}
