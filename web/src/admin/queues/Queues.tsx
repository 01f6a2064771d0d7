import { Button, Skeleton } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queuesQuery } from '../../api/queries';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { EmptyState, Page } from '../../ui/Page';
import classes from '../admin.module.css';
import { GlobalSettings } from './GlobalSettings';
import { QueueForm } from './QueueForm';
import { QueuePage } from './QueuePage';
import { QueueTree } from './QueueTree';

/** The tree of queues on the left, the one chosen on the right. */
export function Queues() {
  const { t } = useTranslation('admin');
  const can = useCan();
  const { data: queues, error, refetch } = useQuery(queuesQuery);
  const [chosen, setChosen] = useState<string>('');
  const [making, setMaking] = useState<{ parent?: string } | null>(null);
  const queue = queues?.find((q) => q.id === chosen);
  return (
    <Page
      title={t('parts.queues')}
      actions={
        can('write', 'queues') && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(queue ? { parent: queue.id } : {})}>
            {queue ? t('queues.addBelow') : t('queues.add')}
          </Button>
        )
      }
    >
      {error && !queues && <ErrorNotice error={error} onRetry={refetch} />}
      <div className={classes.queues}>
        {queues ? (
          <QueueTree queues={queues} chosen={chosen} onChoose={setChosen} />
        ) : (
          <Skeleton height={260} radius={10} />
        )}
        {chosen === 'global' ? (
          <GlobalSettings />
        ) : queue ? (
          <QueuePage key={queue.id} queue={queue} onGone={() => setChosen('')} />
        ) : (
          <div className={classes.panel}>
            <EmptyState
              title={queues?.length === 0 ? t('queues.empty') : t('queues.choose')}
              text={t('queues.emptyText')}
            />
          </div>
        )}
      </div>
      {making && (
        <QueueForm parent={making.parent} onClose={() => setMaking(null)} onSaved={(made) => setChosen(made.id)} />
      )}
    </Page>
  );
}
