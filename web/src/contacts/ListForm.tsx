import { SegmentedControl, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EditDrawer } from '../admin/EditDrawer';
import { api, body, type Schema } from '../api/client';
import { ConditionsEditor } from './ConditionsEditor';
import type { ContactList } from './queries';

const first: Schema['ContactConditions'] = { match: 'all', items: [{ field: 'tag', op: 'is', value: '' }] };

/** Makes a list of contacts, or changes one; how contacts come to it stays. */
export function ListForm({ list, onClose }: { list: ContactList | null; onClose: () => void }) {
  const { t } = useTranslation('contacts');
  const [name, setName] = useState(list?.name ?? '');
  const [conditions, setConditions] = useState(list?.conditions);
  const input = { name, ...(conditions ? { conditions } : {}) };
  return (
    <EditDrawer
      thing={list}
      add={t('newList')}
      edit={t('editList')}
      noun="contacts"
      nouns={['contact-lists', 'contacts']}
      wide
      save={() =>
        list
          ? body(api.PUT('/api/v1/contact-lists/{id}', { params: { path: { id: list.id } }, body: input }))
          : body(api.POST('/api/v1/contact-lists', { body: input }))
      }
      remove={(id) => api.DELETE('/api/v1/contact-lists/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput
        label={t('listName')}
        required
        data-autofocus
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      {!list && (
        <SegmentedControl
          aria-label={t('listKind')}
          data={[
            { value: 'hand', label: t('byHand') },
            { value: 'conditions', label: t('byConditions') },
          ]}
          value={conditions ? 'conditions' : 'hand'}
          onChange={(kind) => setConditions(kind === 'conditions' ? first : undefined)}
        />
      )}
      {conditions && <ConditionsEditor value={conditions} onChange={setConditions} />}
    </EditDrawer>
  );
}
