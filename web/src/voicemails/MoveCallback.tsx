import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { slotsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';
import { SlotSelect } from './SlotSelect';

/** Moves a scheduled call to another slot. */
export function MoveCallback({ callback, onClose }: { callback: Schema['Callback']; onClose: () => void }) {
  const { t } = useTranslation('voicemail');
  const [slot, setSlot] = useState<string | null>(null);
  const slots = useQuery(slotsQuery(callback.queue_id));
  const save = useSave({
    save: (to: string) =>
      body(api.PUT('/api/v1/callbacks/{id}/slot', { params: { path: { id: callback.id } }, body: { slot: to } })),
    nouns: ['callbacks'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('moveTitle')}
      onClose={onClose}
      onSubmit={() => slot && save.mutate(slot)}
      saving={save.isPending}
      error={save.error ?? slots.error}
    >
      <SlotSelect slots={slots.data ?? []} value={slot} onChange={setSlot} disabled={slots.isPending} />
    </FormModal>
  );
}
