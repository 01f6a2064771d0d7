import { IconPhoneOutgoing } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import classes from './State.module.css';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet';

/** A state as a dot and a word: the word carries the meaning, the colour only helps. */
export function State({ tone, children, pulse }: { tone: Tone; children: string; pulse?: boolean }) {
  return (
    <span className={classes.state} data-tone={tone}>
      <span className={classes.dot} data-pulse={pulse || undefined} aria-hidden />
      {children}
    </span>
  );
}

/** A short fact on a tinted ground. */
export function Tag({ tone, children, title }: { tone: Tone; children: string; title?: string }) {
  return (
    <span className={classes.tag} data-tone={tone} title={title}>
      {children}
    </span>
  );
}

/** Says of a call that it was made here. */
export function OutboundMark() {
  const { t } = useTranslation();
  return (
    <IconPhoneOutgoing
      size={15}
      color="var(--t-quiet)"
      style={{ flexShrink: 0 }}
      role="img"
      aria-label={t('outbound')}
    />
  );
}

/** The way through the queue tree. */
export function QueuePath({ path }: { path: string[] | undefined | null }) {
  if (!path?.length) return <span className="quiet">–</span>;
  return (
    <span className={classes.path}>
      {path.map((name, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a path may hold the same name twice and never changes order
        <span key={index}>
          {index > 0 && <span aria-hidden> › </span>}
          <span className={index === path.length - 1 ? classes.leaf : undefined}>{name}</span>
        </span>
      ))}
    </span>
  );
}
