import { Button, Group, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { FormModal } from '../ui/FormModal';
import { DateTime } from '../ui/time';
import classes from './admin.module.css';

/** The key with which the CRM signs when somebody has to hear a recording that is still held. */
export function RecordingsAccessKey() {
  const { t } = useTranslation('admin');
  const can = useCan();
  const [open, setOpen] = useState(false);
  const key = useQuery({
    queryKey: ['recordings', 'access-key'],
    queryFn: () => body(api.GET('/api/v1/recordings/access-key')),
  });
  return (
    <section className={classes.panel} style={{ marginTop: 20 }} aria-label={t('recordings.key.title')}>
      <h2 style={{ margin: 0, fontSize: 15 }}>{t('recordings.key.title')}</h2>
      <p className="quiet" style={{ margin: '4px 0 12px' }}>
        {t('recordings.key.text')}
      </p>
      {key.error && <ErrorNotice error={key.error} onRetry={key.refetch} />}
      <Group gap="sm">
        {can('write', 'crm-connection') && (
          <Button variant="default" onClick={() => setOpen(true)}>
            {t('recordings.key.register')}
          </Button>
        )}
        {key.data && (
          <span className="quiet">
            {key.data.fingerprint ? (
              <>
                <code>{key.data.fingerprint.slice(0, 16)}…</code> {t('recordings.key.since')}{' '}
                <DateTime time={key.data.since} short />
              </>
            ) : (
              t('recordings.key.none')
            )}
          </span>
        )}
      </Group>
      {open && <KeyForm onClose={() => setOpen(false)} />}
    </section>
  );
}

function KeyForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('admin');
  const form = useForm({ initialValues: { public_key: '', code: '' } });
  const save = useSave({
    save: (value: { public_key: string; code: string }) =>
      body(api.PUT('/api/v1/recordings/access-key', { body: value })),
    nouns: ['recordings'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('recordings.key.new')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={form.onSubmit((value) => save.mutate(value))}
    >
      <Textarea
        label={t('recordings.key.public')}
        description={t('recordings.key.publicHint')}
        autosize
        minRows={3}
        data-autofocus
        {...form.getInputProps('public_key')}
      />
      <TextInput
        label={t('recordings.key.code')}
        inputMode="numeric"
        autoComplete="one-time-code"
        required
        {...form.getInputProps('code')}
      />
    </FormModal>
  );
}
