import { ActionIcon, UnstyledButton } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { QueuePath, State } from '../ui/State';
import { Elapsed } from '../ui/time';
import { CallActions, useCallRights } from './CallActions';
import { agentNameOf, type CallLine, sinceOf, stateOf } from './filters';
import classes from './supervisor.module.css';
import { useCallerOf } from './useCallerOf';
import { useWatched } from './watched';

/** The calls that are kept in sight, wherever they are in the list. */
export function WatchedCalls({ lines, onOpen }: { lines: CallLine[] | undefined; onOpen: (id: string) => void }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const caller = useCallerOf();
  const watched = useWatched();
  const rights = useCallRights();
  if (watched.ids.length === 0) return null;
  return (
    <section className={classes.watched} aria-label={t('watched')}>
      {watched.ids.map((id) => {
        const line = lines?.find((l) => l.id === id);
        return (
          <article key={id} className={classes.watchedCall}>
            <div className={classes.watchedHead}>
              {line ? (
                <State tone={stateOf(line) === 'held' ? 'warn' : 'good'}>{t(`common:call.${stateOf(line)}`)}</State>
              ) : (
                <State tone="quiet">{t('common:call.ended')}</State>
              )}
              {line && <Elapsed since={sinceOf(line)} />}
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={`${t('unwatch')}: ${line ? caller(line) : ''}`}
                onClick={() => watched.toggle(id)}
              >
                <IconX size={14} />
              </ActionIcon>
            </div>
            {line && (
              <>
                <UnstyledButton className={classes.watchedWho} onClick={() => onOpen(id)}>
                  <strong>{agentNameOf(line) || '–'}</strong> <span className="tnum">{caller(line)}</span>
                </UnstyledButton>
                <div className={classes.watchedHead}>
                  <QueuePath path={line.call?.queue_path} />
                  <CallActions line={line} name={caller(line)} rights={rights} />
                </div>
              </>
            )}
          </article>
        );
      })}
    </section>
  );
}
