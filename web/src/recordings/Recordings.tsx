import { Anchor, Group } from '@mantine/core';
import { IconFile, IconMicrophone2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { peaksQuery } from '../api/queries';
import { bytes } from '../ui/format';
import { EmptyState, Section } from '../ui/Page';
import { attachmentURL } from './attachmentURL';
import { groupRecordings, isSound } from './group';
import { Player } from './Player';
import classes from './recordings.module.css';
import type { Clip } from './useWaveform';

function clipOf(ticket: string, file: Schema['Attachment']): Clip {
  const { id, name, seconds = 0 } = file;
  return { id, name, seconds, url: attachmentURL(ticket, id), peaks: peaksQuery(ticket, id) };
}

/** What was recorded, one player a call, and the other files of a ticket. */
export function Recordings({ ticket, attachments }: { ticket: string; attachments: Schema['Attachment'][] }) {
  const { t, i18n } = useTranslation('crm');
  const recordings = groupRecordings(attachments);
  const files = attachments.filter((a) => !isSound(a));
  return (
    <Section title={t('recording.title')}>
      <div className={classes.panel}>
        {recordings.length === 0 && (
          <EmptyState
            icon={<IconMicrophone2 size={28} stroke={1.4} aria-hidden />}
            title={t('recording.none')}
            text={t('recording.noneText')}
          />
        )}
        {recordings.map((parts) => (
          <Player key={parts[0]?.id} parts={parts.map((part) => clipOf(ticket, part))} />
        ))}
        {files.length > 0 && (
          <ul className={classes.files} aria-label={t('recording.files')}>
            {files.map((file) => (
              <li key={file.id}>
                <Group gap={8}>
                  <IconFile size={15} aria-hidden />
                  <Anchor href={attachmentURL(ticket, file.id)} download={file.name} size="sm">
                    {file.name}
                  </Anchor>
                  <span className="quiet">{bytes(file.size, i18n.language)}</span>
                </Group>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Section>
  );
}
