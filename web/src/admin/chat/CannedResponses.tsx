import { Button, Group, SegmentedControl, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { queuesQuery } from '../../api/queries';
import { scopeOf, useCan, useMe } from '../../app/session';
import { variables } from '../../inbox/canned';
import { cannedQuery } from '../../inbox/queries';
import type { CannedResponse } from '../../inbox/types';
import type { Column } from '../../ui/DataTable';
import { SearchInput } from '../../ui/SearchInput';
import { Tag } from '../../ui/State';
import { EditDrawer } from '../EditDrawer';
import { ListPage } from '../ListPage';

/** Texts that agents insert by their shortcut: everybody's, and one's own. */
export function CannedResponses() {
  const { t } = useTranslation(['channels', 'common', 'admin']);
  const can = useCan();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const all = useQuery(cannedQuery);
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  const rows = useMemo(
    () => all.data?.filter((r) => [r.shortcut, r.title, r.text].some((text) => text.toLowerCase().includes(wanted))),
    [all.data, wanted],
  );
  const columns = useMemo((): Column<CannedResponse>[] => {
    const names = new Map(queues.data?.map((q) => [q.id, q.name]));
    return [
      {
        id: 'shortcut',
        header: t('canned.shortcut'),
        width: 160,
        sort: (r) => r.shortcut,
        cell: (r) => <strong style={{ fontWeight: 550 }}>/{r.shortcut}</strong>,
      },
      {
        id: 'text',
        header: t('canned.text'),
        cell: (r) => (
          <>
            {r.title && <span style={{ fontWeight: 550 }}>{r.title} </span>}
            <span className="quiet">{r.text.length > 140 ? `${r.text.slice(0, 140)}…` : r.text}</span>
          </>
        ),
      },
      {
        id: 'language',
        header: t('canned.language'),
        width: 140,
        sort: (r) => r.language,
        cell: (r) =>
          r.language ? languageName(r.language, t) : <span className="quiet">{t('canned.anyLanguage')}</span>,
      },
      {
        id: 'queue',
        header: t('canned.queue'),
        width: 150,
        cell: (r) => names.get(r.queue_id ?? '') ?? <span className="quiet">{t('canned.anyQueue')}</span>,
      },
      {
        id: 'whose',
        header: t('canned.whose'),
        width: 130,
        sort: (r) => (r.owner_id ? 1 : 0),
        cell: (r) => (r.owner_id ? <Tag tone="info">{t('canned.own')}</Tag> : t('canned.shared')),
      },
    ];
  }, [t, queues.data]);
  return (
    <ListPage
      title={t('admin:parts.canned')}
      noun="conversations"
      add={t('canned.add')}
      query={{ ...all, data: rows } as typeof all}
      filter={<SearchInput label={t('canned.search')} value={search} onChange={setSearch} />}
      columns={columns}
      rowKey={(r) => r.id}
      sortBy={{ id: 'shortcut', desc: false }}
      empty={wanted ? t('canned.noMatch') : t('canned.empty')}
      emptyText={t('canned.emptyText')}
      form={(response, onClose) => <ResponseForm response={response} onClose={onClose} />}
    />
  );
}

const languages = ['en', 'zh'];

const languageName = (language: string, t: (key: string, fallback: string) => string): string =>
  t(`languages.${language.slice(0, 2)}`, language);

function ResponseForm({ response, onClose }: { response: CannedResponse | null; onClose: () => void }) {
  const { t } = useTranslation(['channels', 'common']);
  const me = useMe();
  const can = useCan();
  // As the server has it: texts for everybody are for who may write in others' conversations.
  const shares = ['team', 'all'].includes(scopeOf(me, 'write', 'conversations') ?? '');
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const form = useForm({
    initialValues: {
      shortcut: response?.shortcut ?? '',
      title: response?.title ?? '',
      language: response?.language ?? '',
      text: response?.text ?? '',
      queue_id: response?.queue_id ?? null,
      own: response ? Boolean(response.owner_id) : !shares,
    },
  });
  const may = can('write', 'conversations') && (shares || !response || Boolean(response.owner_id));
  const text = useRef<HTMLTextAreaElement>(null);
  const insert = (name: string) => {
    const { value } = form.getInputProps('text') as { value: string };
    const at = text.current?.selectionStart ?? value.length;
    const written = `{{${name}}}`;
    form.setFieldValue('text', value.slice(0, at) + written + value.slice(text.current?.selectionEnd ?? at));
    requestAnimationFrame(() => {
      text.current?.focus();
      text.current?.setSelectionRange(at + written.length, at + written.length);
    });
  };
  const known = languages.includes(form.values.language) || !form.values.language;
  return (
    <EditDrawer
      thing={response && { id: response.id, name: `/${response.shortcut}` }}
      add={t('canned.add')}
      edit={t('canned.edit')}
      noun="conversations"
      may={may}
      nouns={['canned-responses']}
      form={form}
      save={({ queue_id, ...values }: typeof form.values) => {
        const input: Schema['CannedInput'] = { ...values, ...(queue_id ? { queue_id } : {}) };
        return response
          ? body(api.PUT('/api/v1/canned-responses/{id}', { params: { path: { id: response.id } }, body: input }))
          : body(api.POST('/api/v1/canned-responses', { body: input }));
      }}
      remove={(id) => api.DELETE('/api/v1/canned-responses/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      {shares ? (
        <div>
          <Text size="sm" fw={500} mb={4} id="canned-whose">
            {t('canned.whose')}
          </Text>
          <SegmentedControl
            aria-labelledby="canned-whose"
            data={[
              { value: 'shared', label: t('canned.shared') },
              { value: 'own', label: t('canned.own') },
            ]}
            value={form.values.own ? 'own' : 'shared'}
            onChange={(value) => form.setFieldValue('own', value === 'own')}
          />
        </div>
      ) : (
        !may && (
          <Text size="sm" c="dimmed">
            {t('canned.sharedHelp')}
          </Text>
        )
      )}
      <TextInput
        label={t('canned.shortcut')}
        description={t('canned.shortcutHelp')}
        required
        data-autofocus
        maxLength={41}
        leftSection="/"
        disabled={!may}
        {...form.getInputProps('shortcut')}
      />
      <TextInput label={t('canned.title')} maxLength={200} disabled={!may} {...form.getInputProps('title')} />
      <Stack gap={6}>
        <Textarea
          ref={text}
          label={t('canned.text')}
          required
          autosize
          minRows={4}
          maxRows={14}
          maxLength={5000}
          disabled={!may}
          {...form.getInputProps('text')}
        />
        {may && (
          <>
            <Text size="xs" c="dimmed">
              {t('canned.variables')}
            </Text>
            <Group gap={6}>
              {variables.map((name) => (
                <Button key={name} size="compact-xs" variant="default" onClick={() => insert(name)}>
                  {t(`canned.variable.${name.replace('.', '_')}`)}
                </Button>
              ))}
            </Group>
          </>
        )}
      </Stack>
      <Select
        label={t('canned.language')}
        disabled={!may}
        allowDeselect={false}
        data={[
          { value: '', label: t('canned.anyLanguage') },
          ...(known ? languages : [...languages, form.values.language]).map((value) => ({
            value,
            label: languageName(value, t),
          })),
        ]}
        {...form.getInputProps('language')}
      />
      {can('read', 'queues') && (
        <Select
          label={t('canned.queue')}
          description={t('canned.queueHelp')}
          placeholder={t('canned.anyQueue')}
          clearable
          searchable
          disabled={!may}
          data={queues.data?.filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })) ?? []}
          {...form.getInputProps('queue_id')}
        />
      )}
    </EditDrawer>
  );
}
