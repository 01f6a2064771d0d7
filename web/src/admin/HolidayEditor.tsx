import { ActionIcon, Button, Group, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

type Holiday = Schema['Holiday'];

/** Days that are closed whatever the weekday says. */
export function HolidayEditor({
  holidays,
  onChange,
}: {
  holidays: Holiday[];
  onChange: (holidays: Holiday[]) => void;
}) {
  const { t } = useTranslation('admin');
  const change = (index: number, part: Partial<Holiday>) =>
    onChange(holidays.map((h, i) => (i === index ? { ...h, ...part } : h)));
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <legend style={{ fontWeight: 500, fontSize: 'var(--mantine-font-size-sm)', padding: '0 0 6px' }}>
        {t('hours.holidays')}
      </legend>
      {holidays.map((holiday, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a holiday's date changes while it is typed
        <Group key={index} gap={6} mb={6} wrap="nowrap">
          <TextInput
            aria-label={t('hours.date')}
            type="date"
            size="xs"
            w={140}
            required
            value={holiday.date}
            onChange={(event) => change(index, { date: event.currentTarget.value })}
          />
          <TextInput
            aria-label={t('hours.holidayName')}
            placeholder={t('hours.holidayName')}
            size="xs"
            flex={1}
            value={holiday.name}
            onChange={(event) => change(index, { name: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`${t('hours.removeHoliday')}: ${holiday.name || holiday.date}`}
            onClick={() => onChange(holidays.filter((_, i) => i !== index))}
          >
            <IconX size={15} />
          </ActionIcon>
        </Group>
      ))}
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<IconPlus size={15} />}
        onClick={() => onChange([...holidays, { date: '', name: '' }])}
      >
        {t('hours.addHoliday')}
      </Button>
    </fieldset>
  );
}
