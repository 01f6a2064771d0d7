import { Skeleton, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Fragment, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { queueSettingsQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { SaveBar } from './SaveBar';
import { SettingRow } from './SettingRow';
import { type Draft, globalOnly, groups, type Name, noDraft, type Value } from './settings';
import type { Queue } from './tree';
import { WhisperPreview } from './WhisperPreview';

/** Every setting of a queue in force, to change here or to inherit. */
export function QueueSettings({ queue }: { queue: Queue }) {
  const { t } = useTranslation('admin');
  const can = useCan();
  const { data: settings, error, refetch } = useQuery(queueSettingsQuery(queue.id));
  const [draft, setDraft] = useState<Draft>(noDraft);
  const save = useSave({
    save: () => body(api.PATCH('/api/v1/queues/{id}', { params: { path: { id: queue.id } }, body: draft })),
    nouns: ['queues'],
    done: () => setDraft(noDraft),
  });
  if (error && !settings) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!settings) return <Skeleton height={420} />;
  const readOnly = !can('write', 'queues');
  const hidden = (name: Name) => (name === 'menu' && queue.leaf) || globalOnly.includes(name);
  return (
    <>
      <Stack gap="lg">
        {groups.map(({ group, names }) => (
          <div key={group}>
            <Title order={3}>{t(`settings.${group}`)}</Title>
            {names
              .filter((name) => !hidden(name))
              .map((name) => (
                <Fragment key={name}>
                  <SettingRow
                    name={name}
                    value={settings[name].value as Value<typeof name>}
                    origin={settings[name].origin as 'global' | 'parent' | 'own'}
                    draft={draft}
                    onDraft={setDraft}
                    readOnly={readOnly}
                  />
                  {name === 'countdown' && <WhisperPreview queue={queue.id} draft={draft} />}
                </Fragment>
              ))}
          </div>
        ))}
      </Stack>
      <SaveBar
        draft={draft}
        onDiscard={() => setDraft(noDraft)}
        onSave={() => save.mutate()}
        saving={save.isPending}
        error={save.error}
      />
    </>
  );
}
