import { Anchor, Loader } from '@mantine/core';
import { IconFile, IconFileAlert, IconPlayerPlayFilled } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { bytes } from '../ui/format';
import { attachmentURL, previewURL } from './routes';
import classes from './thread.module.css';
import type { Attachment } from './types';

// The largest that a picture is drawn in a conversation, in pixels.
const WIDE = 280;
const TALL = 320;

/** One file of a message. Its room is taken before it is there, so that nothing moves when it comes. */
export function AttachmentView({ file, onView }: { file: Attachment; onView: () => void }) {
  const { t } = useTranslation('inbox');
  if (file.state !== 'stored') return <Missing file={file} />;
  const { width, height } = boxOf(file);
  const name = file.name || t(`media.${file.kind}`);
  switch (file.kind) {
    case 'image':
    case 'sticker':
      return (
        <button type="button" className={classes.picture} style={{ width, height }} onClick={onView}>
          <img
            src={file.preview ? previewURL(file.id) : attachmentURL(file.id)}
            alt={name}
            width={width}
            height={height}
            loading="lazy"
            decoding="async"
          />
        </button>
      );
    case 'video':
      return (
        <button type="button" className={classes.picture} style={{ width, height }} onClick={onView}>
          {file.preview ? (
            <img src={previewURL(file.id)} alt="" width={width} height={height} loading="lazy" decoding="async" />
          ) : (
            <span className={classes.noPicture} />
          )}
          <span className={classes.play} aria-hidden>
            <IconPlayerPlayFilled size={22} />
          </span>
          <span className="sr-only">{t('playVideo', { name })}</span>
        </button>
      );
    case 'audio':
      return (
        // biome-ignore lint/a11y/useMediaCaption: what customers send has no captions
        <audio className={classes.audio} controls preload="none" src={attachmentURL(file.id)} aria-label={name} />
      );
    default:
      return <FileLink file={file} name={name} />;
  }
}

function FileLink({ file, name }: { file: Attachment; name: string }) {
  const { i18n } = useTranslation();
  return (
    <Anchor className={classes.file} href={attachmentURL(file.id)} download={name} rel="noopener" underline="never">
      <IconFile size={22} stroke={1.5} aria-hidden />
      <span>
        <span className={classes.fileName}>{name}</span>
        <span className={classes.small}>{bytes(file.bytes, i18n.language)}</span>
      </span>
    </Anchor>
  );
}

function Missing({ file }: { file: Attachment }) {
  const { t } = useTranslation('inbox');
  return (
    <div className={classes.file} data-missing>
      {file.state === 'pending' ? (
        <Loader size={18} aria-hidden />
      ) : (
        <IconFileAlert size={22} stroke={1.5} aria-hidden />
      )}
      <span>
        {file.name && <span className={classes.fileName}>{file.name}</span>}
        <span className={classes.small}>{t(`mediaState.${file.state}`)}</span>
      </span>
    </div>
  );
}

function boxOf(file: Attachment): { width: number; height: number } {
  const side = file.kind === 'sticker' ? 128 : undefined;
  if (!file.width || !file.height) return { width: side ?? 220, height: side ?? 160 };
  const scale = Math.min(1, (side ?? WIDE) / file.width, (side ?? TALL) / file.height);
  return { width: Math.max(48, Math.round(file.width * scale)), height: Math.max(48, Math.round(file.height * scale)) };
}
