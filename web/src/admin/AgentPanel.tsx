import { Button, Code, Group, Stack, Switch, Text, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page } from '../ui/Page';
import classes from './admin.module.css';

/** Which pages may have the agent panel in a frame, and what they are told. */
export function AgentPanel() {
  const { t } = useTranslation(['panel', 'admin']);
  const panel = useQuery({ queryKey: ['panel-settings'], queryFn: () => body(api.GET('/api/v1/panel-settings')) });
  return (
    <Page title={t('admin:parts.panel')} note={t('lead')}>
      {panel.error && <ErrorNotice error={panel.error} onRetry={() => void panel.refetch()} />}
      {panel.data && <Settings panel={panel.data} />}
    </Page>
  );
}

function Settings({ panel }: { panel: Schema['Panel'] }) {
  const { t } = useTranslation('panel');
  const may = useCan()('write', 'crm-connection');
  const [origins, setOrigins] = useState(panel.origins.join('\n'));
  const [numbers, setNumbers] = useState(panel.numbers);
  const save = useSave({
    save: () =>
      body(
        api.PUT('/api/v1/panel-settings', {
          body: { origins: origins.split(/\s+/).filter((one) => one !== ''), numbers },
        }),
      ),
    nouns: ['panel-settings'],
    done: (saved) => setOrigins(saved.origins.join('\n')),
  });
  const frame = `<iframe src="${window.location.origin}/panel/${panel.id}" allow="microphone; autoplay" width="380" height="680"></iframe>`;
  return (
    <form
      className={classes.panel}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="md">
        <Textarea
          label={t('origins')}
          description={t('originsHint')}
          autosize
          minRows={3}
          disabled={!may}
          error={save.errorText}
          value={origins}
          onChange={(event) => setOrigins(event.currentTarget.value)}
        />
        <Switch
          label={t('numbers')}
          description={t('numbersHint')}
          disabled={!may}
          checked={numbers}
          onChange={(event) => setNumbers(event.currentTarget.checked)}
        />
        <div>
          <Text size="sm" fw={500}>
            {t('address')}
          </Text>
          <Text size="xs" c="dimmed" mb={6}>
            {t('addressHint')}
          </Text>
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {frame}
          </Code>
        </div>
        {may && (
          <Group>
            <Button type="submit" loading={save.isPending}>
              {t('save')}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}
