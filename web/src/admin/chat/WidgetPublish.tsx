import { Button, Stack, TagsInput, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { useSave } from '../../api/useSave';
import { useConfirm } from '../../ui/confirm';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { Section } from '../../ui/Page';
import { Made } from '../APIKeys';
import classes from '../admin.module.css';
import { Copied } from './AccountStatus';
import { embedCode, type WidgetForm } from './widget';

/** Where the widget may be, and the line that puts it there. */
export function Embed({ form, name }: { form: WidgetForm; name: string }) {
  const { t } = useTranslation('channels');
  return (
    <Stack gap="md" className={classes.panel}>
      <TagsInput
        label={t('widget.origins')}
        description={t('widget.originsHelp')}
        maxTags={50}
        {...form.getInputProps('origins')}
      />
      <div>
        <Text size="sm" fw={500} mb={4}>
          {t('widget.embed')}
        </Text>
        <Copied text={embedCode(window.location.origin, name)} label={t('widget.embed')} />
        <Text size="xs" c="dimmed" mt={4}>
          {t('widget.embedHelp')}
        </Text>
      </div>
    </Stack>
  );
}

/** The secret by which a site's server says who is signed in there; shown once. */
export function Secret({ account }: { account: string }) {
  const { t } = useTranslation('channels');
  const confirm = useConfirm();
  const make = useSave({
    save: () => body(api.POST('/api/v1/channels/{id}/widget/secret', { params: { path: { id: account } } })),
    nouns: [],
    quiet: true,
  });
  return (
    <Section title={t('widget.secret')}>
      <Stack gap="sm" className={classes.panel}>
        <Text size="sm" c="dimmed">
          {t('widget.secretHelp')}
        </Text>
        {make.error && <ErrorNotice error={make.error} />}
        {make.data?.secret && <Made secret={make.data.secret} />}
        <Button
          variant="default"
          style={{ alignSelf: 'start' }}
          loading={make.isPending}
          onClick={() =>
            confirm({
              title: t('widget.secretTitle'),
              text: t('widget.secretText'),
              action: t('widget.makeSecret'),
              onConfirm: () => make.mutate(),
            })
          }
        >
          {t('widget.makeSecret')}
        </Button>
      </Stack>
    </Section>
  );
}

/** The real widget on an empty page. */
export function Preview({ name }: { name: string }) {
  const { t } = useTranslation('channels');
  // Browsers keep the script for a minute; what was saved just now is to be seen at once.
  const [page] = useState(
    () => `<!doctype html><title>${name}</title>${embedCode(window.location.origin, name, Date.now())}`,
  );
  return (
    <Section title={t('widget.preview')}>
      <iframe title={t('widget.preview')} className={classes.preview} srcDoc={page} />
      <Text size="xs" c="dimmed">
        {t('widget.previewHelp')}
      </Text>
    </Section>
  );
}
