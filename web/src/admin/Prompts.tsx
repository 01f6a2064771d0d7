import { ActionIcon, Button, Group } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop, IconPlus, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { promptsQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { type Column, DataTable } from '../ui/DataTable';
import { clock } from '../ui/format';
import { Page } from '../ui/Page';
import { Tag } from '../ui/State';
import { SpeechForm, UploadForm } from './PromptForms';

type Prompt = Schema['Prompt'];

export function Prompts() {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const prompts = useQuery(promptsQuery);
  const player = usePromptPlayer();
  const [form, setForm] = useState<'speech' | 'upload' | null>(null);
  const { playing, toggle } = player;
  const mayDelete = can('delete', 'prompts');
  const columns = useMemo(
    (): Column<Prompt>[] => [
      {
        id: 'play',
        header: t('prompts.play'),
        actions: true,
        width: 56,
        cell: (p) => (
          <ActionIcon
            variant="light"
            radius="xl"
            aria-label={`${playing === p.id ? t('prompts.stop') : t('prompts.play')}: ${p.name}`}
            onClick={() => toggle(p.id)}
          >
            {playing === p.id ? <IconPlayerStop size={16} /> : <IconPlayerPlay size={16} />}
          </ActionIcon>
        ),
      },
      {
        id: 'name',
        header: t('common:name'),
        width: 240,
        sort: (p) => p.name,
        cell: (p) => <strong style={{ fontWeight: 550 }}>{p.name}</strong>,
      },
      {
        id: 'language',
        header: t('prompts.language'),
        width: 200,
        sort: (p) => p.language,
        cell: (p) => {
          const original = p.translation_of && prompts.data?.find((o) => o.id === p.translation_of)?.name;
          const language = p.language === 'zh' ? '中文' : 'English';
          return original ? t('prompts.translates', { language, name: original }) : language;
        },
      },
      {
        id: 'kind',
        header: t('prompts.kind'),
        width: 120,
        sort: (p) => p.kind,
        cell: (p) => <Tag tone={p.kind === 'speech' ? 'info' : 'quiet'}>{t(`prompts.kinds.${p.kind}`, p.kind)}</Tag>,
      },
      { id: 'text', header: t('prompts.text'), cell: (p) => <span className="quiet">{p.text || '–'}</span> },
      {
        id: 'length',
        header: t('prompts.length'),
        width: 90,
        align: 'right',
        sort: (p) => p.seconds,
        cell: (p) => <span className="tnum">{clock(p.seconds)}</span>,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 90,
        align: 'right',
        cell: (p) => (mayDelete && p.kind !== 'music' ? <DeletePrompt prompt={p} /> : null),
      },
    ],
    [t, playing, toggle, mayDelete, prompts.data],
  );
  return (
    <Page
      title={t('parts.prompts')}
      actions={
        can('write', 'prompts') && (
          <Group gap="xs">
            <Button variant="default" leftSection={<IconUpload size={16} />} onClick={() => setForm('upload')}>
              {t('prompts.upload')}
            </Button>
            <Button leftSection={<IconPlus size={16} />} onClick={() => setForm('speech')}>
              {t('prompts.addSpeech')}
            </Button>
          </Group>
        )
      }
    >
      <DataTable
        label={t('parts.prompts')}
        rows={prompts.data}
        loading={prompts.isPending}
        error={prompts.error}
        onRetry={prompts.refetch}
        columns={columns}
        rowKey={(p) => p.id}
        sortBy={{ id: 'name', desc: false }}
        empty={t('prompts.empty')}
        emptyText={t('prompts.emptyText')}
      />
      {form === 'speech' && <SpeechForm onClose={() => setForm(null)} />}
      {form === 'upload' && <UploadForm onClose={() => setForm(null)} />}
    </Page>
  );
}

function DeletePrompt({ prompt }: { prompt: Prompt }) {
  const { t } = useTranslation(['admin', 'common']);
  const confirm = useConfirm();
  const remove = useAct({
    act: () => api.DELETE('/api/v1/prompts/{id}', { params: { path: { id: prompt.id } } }),
    nouns: ['prompts'],
  });
  return (
    <Button
      variant="subtle"
      color="red"
      size="compact-sm"
      aria-label={`${t('common:delete')}: ${prompt.name}`}
      loading={remove.isPending}
      onClick={() =>
        confirm({
          title: t('deleteTitle', { name: prompt.name }),
          text: t('deleteText'),
          action: t('common:delete'),
          onConfirm: () => remove.mutate(),
        })
      }
    >
      {t('common:delete')}
    </Button>
  );
}

// One voice at a time; leaving the page ends it.
function usePromptPlayer(): { playing: string; toggle: (id: string) => void } {
  const audio = useRef<HTMLAudioElement | null>(null);
  const [playing, setPlaying] = useState('');
  useEffect(() => () => audio.current?.pause(), []);
  const toggle = useMemo(
    () => (id: string) => {
      const before = audio.current;
      before?.pause();
      audio.current = null;
      if (before?.dataset.prompt === id) return setPlaying('');
      const next = new Audio(`/api/v1/prompts/${id}/audio`);
      next.dataset.prompt = id;
      const ended = () => setPlaying((current) => (current === id ? '' : current));
      next.onended = ended;
      next.onerror = ended;
      audio.current = next;
      setPlaying(id);
      next.play().catch(ended);
    },
    [],
  );
  return { playing, toggle };
}
