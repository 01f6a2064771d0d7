import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { useConfirm } from './confirm';

/** Deletes a thing of the administration after a question. */
export function DeleteButton(props: {
  name: string;
  act: () => Promise<unknown>;
  nouns: string[];
  onDone: () => void;
}) {
  const { t } = useTranslation(['admin', 'common']);
  const confirm = useConfirm();
  const remove = useAct({ act: props.act, nouns: props.nouns, done: props.onDone });
  return (
    <Button
      variant="subtle"
      color="red"
      loading={remove.isPending}
      onClick={() =>
        confirm({
          title: t('deleteTitle', { name: props.name }),
          text: t('deleteText'),
          action: t('common:delete'),
          onConfirm: () => remove.mutate(),
        })
      }
    >
      {t('common:delete')}
    </Button>
  );
}
