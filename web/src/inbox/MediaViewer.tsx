import { ActionIcon, Modal } from '@mantine/core';
import { IconChevronLeft, IconChevronRight, IconDownload } from '@tabler/icons-react';
import type { KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useCloseLabel } from '../ui/useCloseLabel';
import { attachmentURL } from './routes';
import classes from './thread.module.css';
import type { Attachment } from './types';

/** The files of a message, and which of them is looked at. */
export interface Viewed {
  files: Attachment[];
  current: string;
}

const visual = (file: Attachment) => file.state === 'stored' && ['image', 'sticker', 'video'].includes(file.kind);

/** Pictures and videos, large; arrow keys go from one to the next. */
export function MediaViewer(props: { viewed: Viewed | undefined; onView: (viewed: Viewed | undefined) => void }) {
  const { t } = useTranslation('inbox');
  const { viewed, onView } = props;
  const closeButtonProps = useCloseLabel();
  const files = viewed?.files.filter(visual) ?? [];
  const index = files.findIndex((file) => file.id === viewed?.current);
  const file = files[index];
  const go = (step: number) => {
    const next = files[index + step];
    if (viewed && next) onView({ ...viewed, current: next.id });
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === 'ArrowLeft') go(-1);
    if (event.key === 'ArrowRight') go(1);
  };
  return (
    <Modal
      opened={file !== undefined}
      onClose={() => onView(undefined)}
      title={file ? file.name || t(`media.${file.kind}`) : ''}
      size="auto"
      closeButtonProps={closeButtonProps}
      onKeyDown={pressed}
    >
      {file && (
        <div className={classes.viewer}>
          {file.kind === 'video' ? (
            // biome-ignore lint/a11y/useMediaCaption: what customers send has no captions
            <video key={file.id} controls autoPlay src={attachmentURL(file.id)} />
          ) : (
            <img key={file.id} src={attachmentURL(file.id)} alt={file.name || t(`media.${file.kind}`)} />
          )}
          <div className={classes.viewerBar}>
            <ActionIcon variant="default" aria-label={t('previous')} disabled={index <= 0} onClick={() => go(-1)}>
              <IconChevronLeft size={17} />
            </ActionIcon>
            <span className="tnum" role="status">
              {index + 1} / {files.length}
            </span>
            <ActionIcon
              variant="default"
              aria-label={t('next')}
              disabled={index >= files.length - 1}
              onClick={() => go(1)}
            >
              <IconChevronRight size={17} />
            </ActionIcon>
            <ActionIcon
              component="a"
              variant="default"
              aria-label={t('download')}
              href={attachmentURL(file.id)}
              download={file.name || true}
            >
              <IconDownload size={17} />
            </ActionIcon>
          </div>
        </div>
      )}
    </Modal>
  );
}
