import { Button, Group } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from '../../ui/ErrorNotice';
import classes from '../admin.module.css';
import { type Draft, isChanged } from './settings';

/** Stays in sight while there is something to save. */
export function SaveBar(props: {
  draft: Draft;
  onDiscard: () => void;
  onSave: () => void;
  saving: boolean;
  error: unknown;
}) {
  const { t } = useTranslation(['admin', 'common']);
  if (!isChanged(props.draft)) return null;
  return (
    <div className={classes.savebar}>
      {props.error ? <ErrorNotice error={props.error} /> : <span>{t('queues.unsaved')}</span>}
      <Group gap="xs" wrap="nowrap">
        <Button variant="default" onClick={props.onDiscard}>
          {t('queues.discard')}
        </Button>
        <Button loading={props.saving} onClick={props.onSave}>
          {t('common:save')}
        </Button>
      </Group>
    </div>
  );
}
