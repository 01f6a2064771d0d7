import { Radio, Select, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { usePeople } from '../app/people';
import { FormModal } from '../ui/FormModal';
import classes from './contacts.module.css';
import { contactName } from './name';
import { alikeQuery, attributesQuery, type Contact, contactListQuery, mergePreviewQuery } from './queries';
import { useValueText } from './values';

type Preview = Schema['ContactMergePreview'];
type Choices = Record<string, 'from' | 'into'>;

const label = (c: Contact) => [contactName(c), c.phone, c.email].filter(Boolean).join(' · ') || c.id;

/** Gives everything of another contact to this one, after a look at what comes of it. */
export function MergeDialog({ contact, onClose }: { contact: Contact; onClose: () => void }) {
  const { t } = useTranslation('contacts');
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text.trim(), 250);
  const [other, setOther] = useState<string | null>(null);
  const [fields, setFields] = useState<Choices>({});
  const alike = useQuery(alikeQuery(contact.id));
  const found = useInfiniteQuery({
    ...contactListQuery({ search, group: 'all', list: null, tag: null }),
    enabled: search.length > 1,
  });
  const preview = useQuery({ ...mergePreviewQuery(contact.id, other ?? ''), enabled: other !== null });
  const save = useSave({
    save: () =>
      body(
        api.POST('/api/v1/contacts/{id}/merge', {
          params: { path: { id: contact.id } },
          body: { other: other ?? '', fields },
        }),
      ),
    nouns: ['contacts', 'tickets', 'conversations'],
    done: onClose,
  });
  const option = (c: Contact) => ({ value: c.id, label: label(c) });
  const sought = (search.length > 1 ? found.data?.pages[0]?.items : undefined) ?? [];
  const chosen = preview.data && !sought.some((c) => c.id === other) ? [preview.data.from] : [];
  const options = [...chosen, ...sought].filter((c) => c.id !== contact.id);
  const names = (alike.data ?? []).filter((c) => !options.some((one) => one.id === c.id));
  return (
    <FormModal
      opened
      wide
      title={t('mergeTitle', { name: label(contact) })}
      onClose={onClose}
      saving={save.isPending}
      error={save.error ?? preview.error}
      onSubmit={() => other && preview.data && save.mutate()}
    >
      <Select
        label={t('mergeWith')}
        placeholder={t('mergeSearch')}
        required
        searchable
        data-autofocus
        data={[
          ...(names.length > 0 ? [{ group: t('mergeAlike'), items: names.map(option) }] : []),
          ...options.map(option),
        ]}
        // The server has looked already.
        filter={({ options: all }) => all}
        onSearchChange={setText}
        value={other}
        onChange={(id) => {
          setOther(id);
          setFields({});
        }}
      />
      {preview.data && <Winners preview={preview.data} choices={fields} onChange={setFields} />}
    </FormModal>
  );
}

interface WinnersProps {
  preview: Preview;
  choices: Choices;
  onChange: (choices: Choices) => void;
}

/** In what the two differ, and whose value is kept. */
function Winners({ preview, choices, onChange }: WinnersProps) {
  const { t } = useTranslation('contacts');
  const { nameOf } = usePeople();
  const attributes = useQuery(attributesQuery);
  const valueText = useValueText();
  const nameOfField = (name: string) =>
    name.startsWith('custom.')
      ? (attributes.data?.find((a) => `custom.${a.key}` === name)?.label ?? name.slice('custom.'.length))
      : t(`fields.${name}`);
  const shown = (field: string, value: unknown) =>
    field === 'owner' && typeof value === 'string' ? nameOf(value) : valueText(value);
  const ofBoth = (field: Preview['fields'][number]) =>
    valueText([...new Set([field.into, field.from].flatMap((value) => (value ?? []) as string[]))]);
  return (
    <>
      {preview.fields.length === 0 ? (
        <Text size="sm">{t('mergeSame')}</Text>
      ) : (
        <table className={classes.choice}>
          <thead>
            <tr>
              <th scope="col">{t('mergeKeep')}</th>
              <th scope="col">{t('mergeHere')}</th>
              <th scope="col">{t('mergeOther')}</th>
            </tr>
          </thead>
          <tbody>
            {preview.fields.map((field) => (
              <tr key={field.name}>
                <th scope="row">{nameOfField(field.name)}</th>
                {field.keep === 'both' && <td colSpan={2}>{ofBoth(field)}</td>}
                {(field.keep === 'both' ? [] : (['into', 'from'] as const)).map((side) => (
                  <td key={side}>
                    <Radio
                      name={field.name}
                      aria-label={`${nameOfField(field.name)}: ${shown(field.name, field[side])}`}
                      label={shown(field.name, field[side])}
                      checked={(choices[field.name] ?? field.keep) === side}
                      onChange={() => onChange({ ...choices, [field.name]: side })}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Text size="sm" c="dimmed">
        {t('mergeMoves', { tickets: preview.tickets, notes: preview.notes, identities: preview.identities })}
      </Text>
    </>
  );
}
