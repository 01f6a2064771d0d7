import { Tabs } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import { Page } from '../ui/Page';
import { Callbacks } from './Callbacks';
import { Messages } from './Messages';

/** What callers left, and who is to be called. */
export function Voicemails() {
  const { t } = useTranslation('voicemail');
  const can = useCan();
  return (
    <Page title={t('title')}>
      <Tabs defaultValue="messages" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="messages">{t('messages')}</Tabs.Tab>
          {can('read', 'callbacks') && <Tabs.Tab value="callbacks">{t('callbacks')}</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="messages">
          <Messages />
        </Tabs.Panel>
        <Tabs.Panel value="callbacks">
          <Callbacks />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
