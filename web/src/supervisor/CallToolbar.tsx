import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { queuesQuery } from '../api/queries';
import { SearchInput } from '../ui/SearchInput';
import classes from './supervisor.module.css';

export function CallToolbar(props: {
  text: string;
  onText: (text: string) => void;
  queue: string;
  onQueue: (queue: string) => void;
}) {
  const { t } = useTranslation('supervisor');
  const queues = useQuery(queuesQuery);
  const leaves = queues.data?.filter((q) => q.leaf) ?? [];
  return (
    <div className={classes.toolbar}>
      <SearchInput label={t('searchCalls')} value={props.text} onChange={props.onText} />
      <Select
        aria-label={t('queue')}
        w={220}
        searchable
        data={[{ value: '', label: t('allQueues') }, ...leaves.map((q) => ({ value: q.id, label: q.name }))]}
        value={props.queue}
        onChange={(value) => props.onQueue(value ?? '')}
      />
    </div>
  );
}
