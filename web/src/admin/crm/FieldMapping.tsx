import { ActionIcon, Button, Group, Input, Select, Stack, Text, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { crmFactsQuery } from '../../api/queries';
import type { Values } from './ConnectionForm';

/** What is written into fields of the CRM's tickets, each with the last call's value. */
export function FieldMapping({ form, readOnly }: { form: UseFormReturnType<Values>; readOnly: boolean }) {
  const { t } = useTranslation(['admin', 'common']);
  const { data } = useQuery(crmFactsQuery);
  const facts = data?.facts ?? {};
  const names = [...new Set([...Object.keys(facts), ...form.values.mapping.map((m) => m.from)])].filter(Boolean).sort();
  return (
    <Input.Wrapper label={t('crm.mapping')} description={t('crm.mappingHint')}>
      <Stack gap="xs" mt="xs">
        {form.values.mapping.map((m, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place
          <Group key={index} gap="xs" wrap="nowrap" align="start">
            <Stack gap={2} flex={1}>
              <Select
                aria-label={t('crm.from')}
                data={names.map((name) => ({ value: name, label: t([`crm.facts.${name}`], name) }))}
                disabled={readOnly}
                searchable
                {...form.getInputProps(`mapping.${index}.from`)}
              />
              {m.from && data?.call_id && (
                <Text size="xs" c="dimmed" data-testid="preview">
                  {t('crm.lastCall')} {facts[m.from] || t('crm.empty')}
                </Text>
              )}
            </Stack>
            <TextInput
              aria-label={t('crm.to')}
              placeholder={t('crm.to')}
              flex={1}
              disabled={readOnly}
              {...form.getInputProps(`mapping.${index}.to`)}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={t('common:remove')}
              disabled={readOnly}
              onClick={() => form.removeListItem('mapping', index)}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        ))}
        {!readOnly && (
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<IconPlus size={14} />}
            style={{ alignSelf: 'start' }}
            onClick={() => form.insertListItem('mapping', { from: '', to: '' })}
          >
            {t('crm.addField')}
          </Button>
        )}
      </Stack>
    </Input.Wrapper>
  );
}
