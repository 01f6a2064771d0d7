import { Skeleton, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Fragment, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { globalQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import classes from '../admin.module.css';
import { SaveBar } from './SaveBar';
import { SettingRow } from './SettingRow';
import { type Draft, defaults, groups, noDraft } from './settings';
import { WhisperPreview } from './WhisperPreview';

/** What all queues inherit. */
export function GlobalSettings() {
  const { t } = useTranslation('admin');
  const can = useCan();
  const { data: own, error, refetch } = useQuery(globalQuery);
  const [draft, setDraft] = useState<Draft>(noDraft);
  const save = useSave({
    save: () => body(api.PATCH('/api/v1/queue-settings', { body: draft })),
    nouns: ['queues'],
    done: () => setDraft(noDraft),
  });
  return (
    <section className={classes.panel} aria-label={t('queues.global')}>
      <Title order={2} fz="lg">
        {t('queues.global')}
      </Title>
      <Text size="sm" c="dimmed" mb="md">
        {t('queues.globalNote')}
      </Text>
      {error && !own && <ErrorNotice error={error} onRetry={refetch} />}
      {!own && !error && <Skeleton height={420} />}
      {own && (
        <Stack gap="lg">
          {groups.map(({ group, names }) => (
            <div key={group}>
              <Title order={3}>{t(`settings.${group}`)}</Title>
              {names.map((name) => (
                <Fragment key={name}>
                  <SettingRow
                    name={name}
                    value={own[name] ?? defaults[name]}
                    origin={own[name] === undefined ? 'default' : 'own'}
                    draft={draft}
                    onDraft={setDraft}
                    readOnly={!can('write', 'queues')}
                  />
                  {name === 'countdown' && <WhisperPreview draft={draft} />}
                </Fragment>
              ))}
            </div>
          ))}
        </Stack>
      )}
      <SaveBar
        draft={draft}
        onDiscard={() => setDraft(noDraft)}
        onSave={() => save.mutate()}
        saving={save.isPending}
        error={save.error}
      />
    </section>
  );
}
