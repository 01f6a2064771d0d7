import { Button, ColorInput, Group, MultiSelect, Select, Skeleton, Stack, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { channelsQuery, widgetQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { EmptyState, Page, Section } from '../../ui/Page';
import classes from '../admin.module.css';
import type { Account } from './account';
import { FormFields, Texts, Triggers } from './WidgetParts';
import { Embed, Preview, Secret } from './WidgetPublish';
import { languages, type WidgetForm } from './widget';

/** How the chat on a website looks, and what customers can do there. */
export function WidgetDesigner() {
  const { t } = useTranslation(['channels', 'admin']);
  const accounts = useQuery(channelsQuery);
  const [chosen, setChosen] = useState<string | null>(null);
  const ours = accounts.data?.filter((a) => a.channel === 'web') ?? [];
  const account = ours.find((a) => a.id === chosen) ?? ours[0];
  return (
    <Page title={t('admin:parts.widget')}>
      {accounts.error ? (
        <ErrorNotice error={accounts.error} onRetry={accounts.refetch} />
      ) : !accounts.data ? (
        <Skeleton height={600} />
      ) : !account ? (
        <EmptyState title={t('widget.none')} text={t('widget.noneText')} />
      ) : (
        <Stack gap="md">
          {ours.length > 1 && (
            <Select
              label={t('widget.account')}
              w={320}
              allowDeselect={false}
              data={ours.map((a) => ({ value: a.id, label: a.label }))}
              value={account.id}
              onChange={setChosen}
            />
          )}
          <Designed key={account.id} account={account} />
        </Stack>
      )}
    </Page>
  );
}

function Designed({ account }: { account: Account }) {
  const { data, error, refetch } = useQuery(widgetQuery(account.id));
  if (data) return <Designer account={account} widget={data} />;
  return error ? <ErrorNotice error={error} onRetry={refetch} /> : <Skeleton height={600} />;
}

function Designer({ account, widget }: { account: Account; widget: Schema['Widget'] }) {
  const { t } = useTranslation(['channels', 'common']);
  const can = useCan();
  const form: WidgetForm = useForm<Schema['WidgetSettings']>({ initialValues: widget.settings });
  const [saves, setSaves] = useState(0);
  const save = useSave({
    save: (input: Schema['WidgetSettings']) =>
      body(api.PUT('/api/v1/channels/{id}/widget', { params: { path: { id: account.id } }, body: input })),
    nouns: ['channels'],
    done: ({ settings }) => {
      form.setValues(settings);
      form.resetDirty(settings);
      setSaves((n) => n + 1);
    },
  });
  const may = can('write', 'channels');
  return (
    <div className={classes.designer}>
      <form onSubmit={form.onSubmit((input) => save.mutate(input))}>
        <fieldset disabled={!may} className={classes.plain}>
          <Stack gap="lg">
            <Look form={form} />
            <Section title={t('widget.texts')}>
              <Texts form={form} />
            </Section>
            <Behaviour form={form} />
            <Section title={t('widget.form')}>
              <FormFields form={form} />
            </Section>
            <Section title={t('widget.triggers')}>
              <Triggers form={form} />
            </Section>
            <Section title={t('widget.publish')}>
              <Embed form={form} name={widget.name} />
            </Section>
            {save.error && <ErrorNotice error={save.error} />}
            {may && (
              <Group justify="flex-end">
                <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
                  {t('common:save')}
                </Button>
              </Group>
            )}
          </Stack>
        </fieldset>
      </form>
      <Stack gap="lg">
        <Preview key={saves} name={widget.name} />
        {may && <Secret account={account.id} />}
      </Stack>
    </div>
  );
}

function Look({ form }: { form: WidgetForm }) {
  const { t } = useTranslation('channels');
  return (
    <Section title={t('widget.look')}>
      <Stack gap="md" className={classes.panel}>
        <Group grow align="start">
          <ColorInput
            label={t('widget.color')}
            format="hex"
            withEyeDropper={false}
            swatches={['#2f6f4f', '#0f6e7a', '#2b5fa8', '#6f4aa8', '#b3261e', '#3c4650']}
            {...form.getInputProps('color')}
          />
          <Select
            label={t('widget.position')}
            allowDeselect={false}
            data={['right', 'left'].map((value) => ({ value, label: t(`widget.${value}`) }))}
            {...form.getInputProps('position')}
          />
          <Select
            label={t('widget.theme')}
            allowDeselect={false}
            data={['auto', 'light', 'dark'].map((value) => ({ value, label: t(`widget.${value}`) }))}
            {...form.getInputProps('theme')}
          />
        </Group>
        <MultiSelect
          label={t('widget.languages')}
          description={t('widget.languagesHelp')}
          data={languages.map((value) => ({ value, label: t(`languages.${value}`) }))}
          {...form.getInputProps('languages')}
        />
      </Stack>
    </Section>
  );
}

const features = ['upload', 'callback', 'transcript', 'csat', 'call'] as const;

function Behaviour({ form }: { form: WidgetForm }) {
  const { t } = useTranslation('channels');
  return (
    <Section title={t('widget.behaviour')}>
      <Stack gap="sm" className={classes.panel}>
        {features.map((name) => (
          <Switch
            key={name}
            label={t(`widget.${name}`)}
            {...form.getInputProps(`features.${name}`, { type: 'checkbox' })}
          />
        ))}
        {form.values.features.call && (
          <TextInput label={t('widget.number')} maxLength={40} required w={240} {...form.getInputProps('number')} />
        )}
        <Switch label={t('widget.offline')} {...form.getInputProps('offline', { type: 'checkbox' })} />
        <Switch label={t('widget.consent')} {...form.getInputProps('consent', { type: 'checkbox' })} />
      </Stack>
    </Section>
  );
}
