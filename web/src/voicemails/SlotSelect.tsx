import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';

interface SlotSelectProps {
  slots: { at: string; until: string }[];
  value: string | null;
  onChange: (value: string | null) => void;
  disabled?: boolean;
}

/** A free slot, in the reader's own time, grouped by day. */
export function SlotSelect({ slots, value, onChange, disabled }: SlotSelectProps) {
  const { t, i18n } = useTranslation('voicemail');
  const day = new Intl.DateTimeFormat(i18n.language, { weekday: 'short', day: 'numeric', month: 'long' });
  const time = new Intl.DateTimeFormat(i18n.language, { hour: '2-digit', minute: '2-digit' });
  const days = new Map<string, { value: string; label: string }[]>();
  for (const slot of slots) {
    const at = new Date(slot.at);
    const group = day.format(at);
    const list = days.get(group) ?? [];
    list.push({ value: slot.at, label: `${group}, ${time.format(at)} – ${time.format(new Date(slot.until))}` });
    days.set(group, list);
  }
  return (
    <Select
      label={t('slot')}
      placeholder={slots.length ? t('chooseSlot') : t('noSlots')}
      searchable
      clearable
      disabled={disabled || slots.length === 0}
      nothingFoundMessage={t('noSlots')}
      data={[...days].map(([group, items]) => ({ group, items }))}
      value={value}
      onChange={onChange}
    />
  );
}
