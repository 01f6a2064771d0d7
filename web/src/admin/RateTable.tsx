import { ActionIcon, Button, Group, NumberInput, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

interface RateTableProps {
  rates: Schema['Rate'][];
  disabled: boolean;
  onChange: (rates: Schema['Rate'][]) => void;
}

/** What a minute to the numbers with a prefix costs. */
export function RateTable({ rates, disabled, onChange }: RateTableProps) {
  const { t } = useTranslation('outbound');
  const change = (at: number, rate: Schema['Rate']) => onChange(rates.map((one, i) => (i === at ? rate : one)));
  return (
    <div>
      <Text size="sm" fw={500}>
        {t('rates')}
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {t('ratesHint')}
      </Text>
      <Stack gap="xs">
        {rates.map((rate, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a prefix changes while it is typed
          <Group key={at} gap="xs" wrap="nowrap">
            <TextInput
              aria-label={t('prefix')}
              placeholder="+49"
              disabled={disabled}
              value={rate.prefix}
              onChange={(event) => change(at, { ...rate, prefix: event.currentTarget.value })}
            />
            <NumberInput
              aria-label={t('perMinute')}
              min={0}
              decimalScale={4}
              step={0.01}
              disabled={disabled}
              value={rate.per_minute}
              onChange={(value) => change(at, { ...rate, per_minute: Number(value) || 0 })}
            />
            {!disabled && (
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('removeRate')}
                onClick={() => onChange(rates.filter((_, i) => i !== at))}
              >
                <IconTrash size={15} aria-hidden />
              </ActionIcon>
            )}
          </Group>
        ))}
      </Stack>
      {!disabled && (
        <Button
          mt="xs"
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange([...rates, { prefix: '', per_minute: 0 }])}
        >
          {t('addRate')}
        </Button>
      )}
    </div>
  );
}
