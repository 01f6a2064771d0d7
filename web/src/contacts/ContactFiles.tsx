import { Skeleton, Title } from '@mantine/core';
import { IconFile, IconFileMusic, IconPhoto } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { attachmentURL, previewURL } from '../inbox/routes';
import { ErrorNotice } from '../ui/ErrorNotice';
import { bytes } from '../ui/format';
import { MoreButton } from '../ui/MoreButton';
import { EmptyState } from '../ui/Page';
import classes from './contacts.module.css';
import { contactFilesQuery } from './queries';

type File = Schema['ContactFile'];

/** Files of a contact's conversations and tickets, by day. */
export function ContactFiles({ contact }: { contact: string }) {
  const { t, i18n } = useTranslation('contacts');
  const files = useInfiniteQuery(contactFilesQuery(contact));
  if (files.isPending) return <Skeleton height={120} />;
  if (files.error && !files.data) return <ErrorNotice error={files.error} onRetry={files.refetch} />;
  const all = files.data?.pages.flatMap((page) => page.items) ?? [];
  if (all.length === 0) return <EmptyState title={t('noFiles')} text={t('noFilesText')} />;
  const day = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'long' });
  const days = new Map<string, File[]>();
  for (const file of all) {
    const name = day.format(new Date(file.at));
    days.set(name, [...(days.get(name) ?? []), file]);
  }
  return (
    <>
      {[...days].map(([name, list]) => (
        <section key={name} aria-label={name}>
          <Title order={3} fz="sm" className={classes.day}>
            {name}
          </Title>
          <ul className={classes.files}>
            {list.map((file) => (
              <li key={file.id}>
                <FileLink file={file} />
              </li>
            ))}
          </ul>
        </section>
      ))}
      <MoreButton query={files} />
    </>
  );
}

function FileLink({ file }: { file: File }) {
  const { t, i18n } = useTranslation('contacts');
  const Icon = file.content_type.startsWith('audio/')
    ? IconFileMusic
    : file.content_type.startsWith('image/')
      ? IconPhoto
      : IconFile;
  const href = file.ticket_id ? `/api/v1/tickets/${file.ticket_id}/attachments/${file.id}` : attachmentURL(file.id);
  return (
    <a className={classes.file} href={href} target="_blank" rel="noopener">
      {file.preview ? (
        <img src={previewURL(file.id)} alt={t('preview', { name: file.name })} loading="lazy" />
      ) : (
        <Icon size={26} stroke={1.4} aria-hidden />
      )}
      <span>
        {file.name || file.content_type}
        <span className="quiet"> {bytes(file.size, i18n.language)}</span>
      </span>
    </a>
  );
}
