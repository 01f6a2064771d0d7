import { Button, Group, Text } from '@mantine/core';
import { IconHandGrab, IconRotateClockwise } from '@tabler/icons-react';
import { type Ref, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { scopeOf, useMe } from '../app/session';
import { ComposerNotice } from './ComposerNotice';
import classes from './composer.module.css';
import { Editor } from './Editor';
import { reopen, take } from './routes';
import { TemplatePicker } from './TemplatePicker';
import type { Conversation, Message } from './types';

export interface ComposerProps {
  ref: Ref<HTMLTextAreaElement>;
  conversation: Conversation;
  quote: Message | undefined;
  onQuote: (message: Message | undefined) => void;
  editing: Message | undefined;
  onEdit: (message: Message | undefined) => void;
}

/** Where one answers: what may be written now, and what stands in the way. */
export function Composer(props: ComposerProps) {
  const { conversation } = props;
  const me = useMe();
  const [picking, setPicking] = useState(false);
  const mine = conversation.owner_id === me.id || (conversation.collaborators ?? []).includes(me.id);
  const may = scopeOf(me, 'write', 'conversations') !== null;
  if (!may) return null;
  const writes = mine && conversation.state !== 'closed' && conversation.composer?.open !== false;
  return (
    <div className={classes.composer}>
      {mine && conversation.state !== 'closed' && (
        <ComposerNotice conversation={conversation} onTemplate={() => setPicking(true)} />
      )}
      {!(mine && conversation.state !== 'closed') && <NotMine conversation={conversation} />}
      <Editor {...props} notesOnly={!writes} onTemplate={() => setPicking(true)} />
      {picking && <TemplatePicker conversation={conversation} onClose={() => setPicking(false)} />}
    </div>
  );
}

/** Why one can only write notes, and how to change that. */
function NotMine({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation('inbox');
  const closed = conversation.state === 'closed';
  const nouns = ['conversations', 'messages'];
  const act = useAct({ act: () => (closed ? reopen(conversation.id) : take(conversation.id)), nouns });
  return (
    <Group className={classes.notice} justify="space-between" gap="xs">
      <Text size="sm">
        {closed
          ? t('closedNote')
          : conversation.owner_kind === 'none'
            ? t('nobodysNote')
            : t('othersNote', { name: conversation.owner_name || t('bot') })}
      </Text>
      <Button
        size="compact-sm"
        leftSection={closed ? <IconRotateClockwise size={15} /> : <IconHandGrab size={15} />}
        loading={act.isPending}
        data-action={closed ? 'reopen' : 'take'}
        onClick={() => act.mutate()}
      >
        {closed ? t('reopen') : t('take')}
      </Button>
    </Group>
  );
}
