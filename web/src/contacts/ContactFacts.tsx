import { Badge, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { usePeople } from '../app/people';
import { DialLink } from '../desktop/DialLink';
import { Facts } from '../ui/Page';
import { DateTime } from '../ui/time';
import { attributesQuery, type ContactPage } from './queries';
import { useValueText } from './values';

/** What is known of a contact: on their page, in a call and in a conversation. */
export function ContactFacts({ contact }: { contact: ContactPage }) {
  const { t } = useTranslation('contacts');
  const { nameOf } = usePeople();
  const attributes = useQuery(attributesQuery);
  const valueText = useValueText();
  const further = contact.identities
    .filter((id) => id.value !== contact.phone && id.value !== contact.email)
    .map((id): [string, string] => [t(`identities.${id.kind}`, id.kind), id.value]);
  return (
    <Facts
      rows={[
        [t('fields.phone'), contact.phone ? <DialLink key="phone" number={contact.phone} /> : '–'],
        [t('fields.email'), contact.email || '–'],
        [t('fields.company'), contact.company || '–'],
        [t('fields.job_title'), contact.job_title || '–'],
        [t('fields.location'), [contact.location, contact.country].filter(Boolean).join(', ') || '–'],
        ...(attributes.data ?? []).map((a): [string, string] => [a.label, valueText(contact.custom[a.key])]),
        [t('fields.tags'), <Badges key="tags" names={contact.tags} />],
        [t('onLists'), <Badges key="lists" names={contact.lists.map((list) => list.name)} />],
        [t('owner'), nameOf(contact.owner) || '–'],
        [t('fields.created_at'), <DateTime key="created" time={contact.created_at} />],
        [t('fields.contacted_at'), <DateTime key="last" time={contact.contacted_at} />],
        ...further,
      ]}
    />
  );
}

function Badges({ names }: { names: string[] }) {
  if (names.length === 0) return '–';
  return (
    <Group gap={4}>
      {names.map((name) => (
        <Badge key={name} variant="light" tt="none">
          {name}
        </Badge>
      ))}
    </Group>
  );
}
