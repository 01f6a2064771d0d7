import { Button, Group, Tabs, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { useAct } from '../../api/useSave';
import { useCan } from '../../app/session';
import { useConfirm } from '../../ui/confirm';
import { Tag } from '../../ui/State';
import classes from '../admin.module.css';
import { Members } from './Members';
import { MenuPreview } from './MenuPreview';
import { OpenPreview } from './OpenPreview';
import { QueueForm } from './QueueForm';
import { QueueSettings } from './QueueSettings';
import type { Queue } from './tree';

export function QueuePage({ queue, onGone }: { queue: Queue; onGone: () => void }) {
  const { t } = useTranslation('admin');
  const can = useCan();
  const isMenu = !queue.leaf && queue.kind === 'queue';
  return (
    <section className={classes.panel} aria-label={queue.name}>
      <Group justify="space-between" mb="sm">
        <Group gap="sm">
          <Title order={2} fz="lg">
            {queue.name}
          </Title>
          {queue.paused && <Tag tone="warn">{t('queues.paused')}</Tag>}
        </Group>
        {can('write', 'queues') && <QueueActions queue={queue} onGone={onGone} />}
      </Group>
      <Tabs defaultValue="settings" keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="settings">{t('queues.settings')}</Tabs.Tab>
          {queue.leaf && <Tabs.Tab value="agents">{t('queues.agents')}</Tabs.Tab>}
          {isMenu && <Tabs.Tab value="menu">{t('queues.menu')}</Tabs.Tab>}
          <Tabs.Tab value="open">{t('queues.open')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="settings">
          <QueueSettings queue={queue} />
        </Tabs.Panel>
        <Tabs.Panel value="agents">
          <Members queue={queue.id} />
        </Tabs.Panel>
        <Tabs.Panel value="menu">
          <MenuPreview queue={queue.id} />
        </Tabs.Panel>
        <Tabs.Panel value="open">
          <OpenPreview queue={queue.id} />
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

function QueueActions({ queue, onGone }: { queue: Queue; onGone: () => void }) {
  const { t } = useTranslation('admin');
  const can = useCan();
  const confirm = useConfirm();
  const [editing, setEditing] = useState(false);
  const params = { path: { id: queue.id } };
  const pause = useAct({
    act: () => api.PATCH('/api/v1/queues/{id}', { params, body: { paused: !queue.paused } }),
    nouns: ['queues'],
  });
  const copy = useAct({
    act: () =>
      body(
        api.POST('/api/v1/queues/{id}/copy', { params, body: { name: t('queues.copyName', { name: queue.name }) } }),
      ),
    nouns: ['queues'],
  });
  const archive = useAct({ act: () => api.DELETE('/api/v1/queues/{id}', { params }), nouns: ['queues'], done: onGone });
  return (
    <Group gap={6}>
      <Button variant="default" size="compact-sm" onClick={() => setEditing(true)}>
        {t('queues.edit')}
      </Button>
      <Button
        variant="default"
        size="compact-sm"
        title={t('queues.pausedHint')}
        loading={pause.isPending}
        onClick={() => pause.mutate()}
      >
        {queue.paused ? t('queues.resume') : t('queues.pause')}
      </Button>
      <Button variant="default" size="compact-sm" loading={copy.isPending} onClick={() => copy.mutate()}>
        {t('queues.copy')}
      </Button>
      {can('delete', 'queues') && (
        <Button
          variant="default"
          size="compact-sm"
          loading={archive.isPending}
          onClick={() =>
            confirm({
              title: t('queues.archiveTitle', { name: queue.name }),
              text: t('queues.archiveText'),
              action: t('queues.archive'),
              onConfirm: () => archive.mutate(),
            })
          }
        >
          {t('queues.archive')}
        </Button>
      )}
      {editing && <QueueForm queue={queue} onClose={() => setEditing(false)} />}
    </Group>
  );
}
