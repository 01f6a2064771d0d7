import { ActionIcon, Button, Progress } from '@mantine/core';
import { IconFile, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { bytes } from '../ui/format';
import classes from './composer.module.css';
import { previewURL } from './routes';
import type { Attachment } from './types';
import type { Upload } from './uploads';

/** The files that go with the message: those that are up, and those on their way. */
export function Tray(props: { uploads: Upload[]; attachments: Attachment[]; onRemove: (id: string) => void }) {
  const { t, i18n } = useTranslation(['inbox', 'common']);
  if (props.uploads.length + props.attachments.length === 0) return null;
  return (
    <ul className={classes.tray} aria-label={t('attachments')}>
      {props.attachments.map((file) => (
        <li key={file.id} className={classes.upload}>
          {file.preview ? <img src={previewURL(file.id)} alt="" /> : <IconFile size={20} stroke={1.5} aria-hidden />}
          <span className={classes.uploadName}>
            {file.name}
            <span className="quiet"> {bytes(file.bytes, i18n.language)}</span>
          </span>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={`${t('common:remove')}: ${file.name}`}
            onClick={() => props.onRemove(file.id)}
          >
            <IconX size={13} />
          </ActionIcon>
        </li>
      ))}
      {props.uploads.map((one) => (
        <li key={one.key} className={classes.upload} data-failed={one.failed ? true : undefined}>
          <span className={classes.uploadName}>
            {one.name}
            {one.failed ? (
              <span role="alert">{one.failed}</span>
            ) : (
              <Progress value={one.done * 100} size="sm" aria-label={t('uploading', { name: one.name })} />
            )}
            {one.failed && !one.refused && (
              <Button size="compact-xs" variant="subtle" onClick={one.again}>
                {t('retry')}
              </Button>
            )}
          </span>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={`${t('common:cancel')}: ${one.name}`}
            onClick={one.cancel}
          >
            <IconX size={13} />
          </ActionIcon>
        </li>
      ))}
    </ul>
  );
}
