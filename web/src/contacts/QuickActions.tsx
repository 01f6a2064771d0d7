import { Button, Group } from '@mantine/core';
import { IconMessageCircle, IconPhoneOutgoing } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import { useOutboundQueues } from '../desktop/dial';
import { earlierQuery } from '../inbox/queries';
import { NewCallback } from '../voicemails/NewCallback';
import { contactName } from './name';
import type { Contact } from './queries';

/** Has a contact called back, and opens what was last written with them. */
export function QuickActions({ contact }: { contact: Contact }) {
  const { t } = useTranslation('contacts');
  const can = useCan();
  const navigate = useNavigate();
  const dials = useOutboundQueues().length > 0;
  const [calling, setCalling] = useState(false);
  const conversations = useQuery({ ...earlierQuery(contact.id), enabled: can('read', 'conversations') });
  const last = conversations.data?.[0];
  return (
    <Group gap="xs">
      {dials && contact.phone && (
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconPhoneOutgoing size={14} aria-hidden />}
          data-action="dial-contact"
          onClick={() => void navigate({ to: '/', search: { dial: contact.phone } })}
        >
          {t('dial')}
        </Button>
      )}
      {can('write', 'callbacks') && contact.phone && (
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconPhoneOutgoing size={14} aria-hidden />}
          onClick={() => setCalling(true)}
        >
          {t('call')}
        </Button>
      )}
      {can('read', 'conversations') && conversations.data && (
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconMessageCircle size={14} aria-hidden />}
          disabled={!last}
          {...(last ? {} : { title: t('noConversation') })}
          onClick={() =>
            last && void navigate({ to: '/', search: (before) => ({ ...before, part: 'inbox', c: last.id }) })
          }
        >
          {t('message')}
        </Button>
      )}
      {calling && (
        <NewCallback to={{ number: contact.phone, name: contactName(contact) }} onClose={() => setCalling(false)} />
      )}
    </Group>
  );
}
