import { UnstyledButton } from '@mantine/core';
import { IconPlayerPause, IconWorld } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Tag } from '../../ui/State';
import classes from '../admin.module.css';
import { type Node, type Queue, treeOf } from './tree';

export function QueueTree(props: { queues: Queue[]; chosen: string; onChoose: (id: string) => void }) {
  const { t } = useTranslation('admin');
  return (
    <nav className={classes.tree} aria-label={t('parts.queues')}>
      <UnstyledButton
        className={classes.node}
        aria-current={props.chosen === 'global'}
        onClick={() => props.onChoose('global')}
      >
        <IconWorld size={16} aria-hidden />
        {t('queues.global')}
      </UnstyledButton>
      <Branch nodes={treeOf(props.queues)} chosen={props.chosen} onChoose={props.onChoose} />
    </nav>
  );
}

function Branch({ nodes, chosen, onChoose }: { nodes: Node[]; chosen: string; onChoose: (id: string) => void }) {
  const { t } = useTranslation('admin');
  return (
    <ul>
      {nodes.map(({ queue, children }) => (
        <li key={queue.id}>
          <UnstyledButton
            className={classes.node}
            aria-current={queue.id === chosen}
            data-queue={queue.name}
            onClick={() => onChoose(queue.id)}
          >
            {queue.key ? <span className={classes.key}>{queue.key}</span> : null}
            <span style={{ flex: 1 }}>{queue.name}</span>
            {queue.paused && <IconPlayerPause size={14} aria-label={t('queues.paused')} />}
            {children.length > 0 && <Tag tone="quiet">{t('queues.menuTag')}</Tag>}
            {queue.kind === 'message' && <Tag tone="quiet">{t('queues.messageTag')}</Tag>}
          </UnstyledButton>
          {children.length > 0 && <Branch nodes={children} chosen={chosen} onChoose={onChoose} />}
        </li>
      ))}
    </ul>
  );
}
