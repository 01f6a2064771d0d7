import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { useConfirm } from './confirm';

export interface DeleteWords {
  action: string;
  title: string;
  text: string;
}

/** Deletes a thing of the administration after a question. */
export function DeleteButton(props: {
  name: string;
  act: () => Promise<unknown>;
  nouns: string[];
  onDone: () => void;
  words?: DeleteWords | undefined;
}) {
  const { t } = useTranslation(['admin', 'common']);
  const confirm = useConfirm();
  const action = props.words?.action ?? t('common:delete');
  const remove = useAct({ act: props.act, nouns: props.nouns, done: props.onDone });
  return (
    <Button
      variant="subtle"
      color="red"
      loading={remove.isPending}
      onClick={() =>
        confirm({
          title: props.words?.title ?? t('deleteTitle', { name: props.name }),
          text: props.words?.text ?? t('deleteText'),
          action,
          onConfirm: () => remove.mutate(),
        })
      }
    >
      {action}
    </Button>
  );
}
