import { Drawer, Text, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { IconArrowNarrowLeft, IconArrowNarrowRight } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { useCloseLabel } from '../ui/useCloseLabel';
import classes from './Ladder.module.css';

/** The messages of one dialog between its two ends, each with its text. */
export function Ladder({ dialog, onClose }: { dialog: Schema['TracedDialog']; onClose: () => void }) {
  const { t } = useTranslation('trace');
  const [open, setOpen] = useState<number | null>(null);
  const began = new Date(dialog.at).getTime();
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={dialog.peer} closeButtonProps={useCloseLabel()}>
      <Text size="xs" c="dimmed" mb="sm" style={{ overflowWrap: 'anywhere' }}>
        Call-ID: {dialog.id}
      </Text>
      <div className={classes.ends} aria-hidden>
        <span />
        <strong>{dialog.peer}</strong>
        <span />
        <strong>Tandem ({dialog.node})</strong>
      </div>
      <ol className={classes.ladder}>
        {dialog.messages.map((message, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: messages are only added
          <li key={at}>
            <UnstyledButton
              className={classes.step}
              aria-expanded={open === at}
              onClick={() => setOpen(open === at ? null : at)}
            >
              <span className={classes.time}>{offset(new Date(message.at).getTime() - began)}</span>
              <span className={classes.line} data-out={message.out || undefined}>
                {message.out && <IconArrowNarrowLeft size={16} aria-hidden />}
                <span className={classes.name}>
                  <VisuallyHidden>{message.out ? t('sent') : t('came')}: </VisuallyHidden>
                  {message.first}
                </span>
                {!message.out && <IconArrowNarrowRight size={16} aria-hidden />}
              </span>
            </UnstyledButton>
            {open === at && (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
              <pre className={classes.text} tabIndex={0}>
                {message.text}
              </pre>
            )}
          </li>
        ))}
      </ol>
    </Drawer>
  );
}

function offset(milliseconds: number): string {
  return `+${(milliseconds / 1000).toFixed(3)}`;
}
