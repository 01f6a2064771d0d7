import { Button, Group, MultiSelect, NumberInput, Select, Stack, Switch, TagsInput, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page, Section } from '../ui/Page';
import { RateTable } from './RateTable';

type Rules = Schema['OutboundRules'];

/** Which telephone numbers calls may go out to, and how much of it. */
export function OutboundRules() {
  const { t } = useTranslation(['outbound', 'admin']);
  const rules = useQuery({
    queryKey: ['outbound-rules'],
    queryFn: () => body(api.GET('/api/v1/outbound-rules')),
  });
  return (
    <Page title={t('admin:parts.outbound')} note={t('lead')}>
      {rules.error && <ErrorNotice error={rules.error} onRetry={() => void rules.refetch()} />}
      {rules.data && <Editor rules={rules.data} />}
    </Page>
  );
}

function Editor({ rules }: { rules: Rules }) {
  const { t, i18n } = useTranslation('outbound');
  const may = useCan()('write', 'trunks');
  const { used, known_countries, ...initialValues } = rules;
  const form = useForm({ initialValues });
  const countries = useMemo(() => {
    const names = new Intl.DisplayNames([i18n.language], { type: 'region' });
    return known_countries
      .map((value) => ({ value, label: `${names.of(value) ?? value} (${value})` }))
      .sort((a, b) => a.label.localeCompare(b.label, i18n.language));
  }, [known_countries, i18n.language]);
  const save = useSave({
    save: (input: typeof initialValues) => body(api.PUT('/api/v1/outbound-rules', { body: input })),
    nouns: ['outbound-rules'],
    done: ({ used: _, known_countries: __, ...saved }) => form.setValues(saved),
  });
  const field = (name: keyof typeof initialValues) => ({ disabled: !may, ...form.getInputProps(name) });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="lg" maw={860}>
        <Used used={used} rules={rules} />
        <Section title={t('where')}>
          <Stack gap="md">
            <MultiSelect
              label={t('countries')}
              description={t('countriesHint')}
              data={countries}
              searchable
              clearable
              {...field('countries')}
            />
            <Switch
              label={t('special')}
              description={t('specialHint')}
              disabled={!may}
              {...form.getInputProps('special', { type: 'checkbox' })}
            />
            <TagsInput
              label={t('allowed')}
              description={t('allowedHint')}
              placeholder={may ? '+88216' : ''}
              {...field('allowed')}
            />
            <TagsInput
              label={t('blocked')}
              description={t('blockedHint')}
              placeholder={may ? '+4990' : ''}
              {...field('blocked')}
            />
            <Group grow align="start">
              <Select
                label={t('country')}
                description={t('countryHint')}
                data={countries}
                searchable
                clearable
                disabled={!may}
                value={form.values.country || null}
                error={form.errors.country}
                onChange={(value) => form.setFieldValue('country', value ?? '')}
              />
              <NumberInput
                label={t('internal')}
                description={t('internalHint')}
                min={0}
                max={15}
                {...field('internal_digits')}
              />
            </Group>
          </Stack>
        </Section>
        <Section title={t('howMuch')}>
          <Stack gap="md">
            <Group grow align="start">
              <NumberInput label={t('maxCalls')} description={t('noLimit')} min={0} {...field('max_calls')} />
              <NumberInput label={t('perSecond')} description={t('noLimit')} min={0} {...field('calls_per_second')} />
            </Group>
            <Group grow align="start">
              <NumberInput label={t('minutes')} description={t('dayHint')} min={0} {...field('minutes_per_day')} />
              <NumberInput label={t('spend')} description={t('dayHint')} min={0} {...field('spend_per_day')} />
            </Group>
            <RateTable
              rates={form.values.rates}
              disabled={!may}
              onChange={(rates) => form.setFieldValue('rates', rates)}
            />
          </Stack>
        </Section>
        {save.error && <ErrorNotice error={save.error} />}
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

function Used({ used, rules }: { used: Rules['used']; rules: Rules }) {
  const { t, i18n } = useTranslation('outbound');
  const figure = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 });
  const of = (value: number, limit: number) =>
    limit ? t('of', { value: figure.format(value), limit: figure.format(limit) }) : figure.format(value);
  return (
    <Group gap="xl" aria-label={t('used')} role="group">
      {(
        [
          ['callsNow', of(used.calls, rules.max_calls)],
          ['minutesToday', of(used.minutes, rules.minutes_per_day)],
          ['spendToday', of(used.spend, rules.spend_per_day)],
        ] as const
      ).map(([label, value]) => (
        <div key={label}>
          <Text size="xs" c="dimmed">
            {t(label)}
          </Text>
          <Text className="tnum" fw={550}>
            {value}
          </Text>
        </div>
      ))}
    </Group>
  );
}
