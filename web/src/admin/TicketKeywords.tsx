import { ActionIcon, Button, Group, Select, Skeleton, Stack, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { ticketSettingsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { useTicketTypes } from '../tickets/types';
import { priorities } from '../tickets/words';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Section } from '../ui/Page';

type Settings = Schema['TicketSettings'];
type Keyword = Schema['Keyword'];

/** What customers say for a ticket to be made. */
export function TicketKeywords() {
  const { t } = useTranslation('crm');
  const { data, error, refetch } = useQuery(ticketSettingsQuery);
  // Made anew when the list has changed: what is typed belongs to the list that was shown.
  if (data) return <KeywordForm key={JSON.stringify(data.keywords)} settings={data} />;
  return (
    <Section title={t('keyword.setting')}>
      {error ? <ErrorNotice error={error} onRetry={refetch} /> : <Skeleton height={72} />}
    </Section>
  );
}

// Keywords have no ids; what is typed in a row must not make it another one.
type Row = Keyword & { key: string };

function KeywordForm({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['crm', 'common']);
  const can = useCan();
  const [rows, setRows] = useState<Row[]>(() =>
    (settings.keywords ?? []).map((row) => ({ ...row, key: crypto.randomUUID() })),
  );
  const keywords = rows.map(({ key: _, ...keyword }) => keyword);
  const save = useSave({
    save: () => body(api.PUT('/api/v1/ticket-settings', { body: { ...settings, keywords } })),
    nouns: ['ticket-settings'],
  });
  const locked = !can('write', 'ticket-settings');
  const changed = JSON.stringify(keywords) !== JSON.stringify(settings.keywords ?? []);
  return (
    <Section title={t('keyword.setting')}>
      <p className="quiet" style={{ margin: '0 0 12px' }}>
        {rows.length > 0 ? t('keyword.help') : t('keyword.none')}
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="xs" align="flex-start">
          {rows.map((row) => (
            <KeywordRow
              key={row.key}
              row={row}
              locked={locked}
              onChange={(part) => setRows(rows.map((one) => (one.key === row.key ? { ...one, ...part } : one)))}
              onRemove={() => setRows(rows.filter((one) => one.key !== row.key))}
            />
          ))}
          {save.error && <ErrorNotice error={save.error} />}
          {!locked && (
            <Group gap="xs">
              <Button
                variant="default"
                leftSection={<IconPlus size={16} aria-hidden />}
                onClick={() =>
                  setRows([...rows, { key: crypto.randomUUID(), keyword: '', type: 'general', priority: 'medium' }])
                }
              >
                {t('keyword.add')}
              </Button>
              {changed && (
                <Button type="submit" loading={save.isPending}>
                  {t('common:save')}
                </Button>
              )}
            </Group>
          )}
        </Stack>
      </form>
    </Section>
  );
}

interface KeywordRowProps {
  row: Keyword;
  locked: boolean;
  onChange: (part: Partial<Keyword>) => void;
  onRemove: () => void;
}

function KeywordRow({ row, locked, onChange, onRemove }: KeywordRowProps) {
  const { t } = useTranslation('crm');
  const { options } = useTicketTypes();
  return (
    <Group align="end" gap="xs" wrap="nowrap" w="100%" maw={760}>
      <TextInput
        label={t('keyword.keyword')}
        required
        maxLength={60}
        disabled={locked}
        style={{ flex: 1 }}
        value={row.keyword}
        onChange={(event) => onChange({ keyword: event.currentTarget.value })}
      />
      <Select
        label={t('ticket.type')}
        allowDeselect={false}
        disabled={locked}
        w={190}
        data={options}
        value={row.type}
        onChange={(type) => type && onChange({ type })}
      />
      <Select
        label={t('ticket.priority')}
        allowDeselect={false}
        disabled={locked}
        w={130}
        data={priorities.map((value) => ({ value, label: t(`priority.${value}`) }))}
        value={row.priority}
        onChange={(priority) => priority && onChange({ priority: priority as Keyword['priority'] })}
      />
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={row.keyword ? t('keyword.remove', { keyword: row.keyword }) : t('keyword.removeNew')}
        disabled={locked}
        onClick={onRemove}
      >
        <IconTrash size={16} aria-hidden />
      </ActionIcon>
    </Group>
  );
}
