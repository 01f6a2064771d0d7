import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { isProblem, type Schema } from '../../api/client';
import { promptsQuery, queueMenuQuery } from '../../api/queries';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { EmptyState } from '../../ui/Page';
import classes from '../admin.module.css';

/** The menu as a caller meets it, level below level. */
export function MenuPreview({ queue }: { queue: string }) {
  const { t } = useTranslation('admin');
  const { data: menu, error, refetch } = useQuery(queueMenuQuery(queue));
  if (isProblem(error, 'queue_no_menu')) return <EmptyState title={t('queues.noMenu')} />;
  if (error) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!menu) return <Skeleton height={160} />;
  return <Level menu={menu} />;
}

function Level({ menu }: { menu: Schema['Menu'] }) {
  const { t } = useTranslation('admin');
  const said = usePromptText(menu.prompt);
  const { rule } = menu;
  return (
    <div className={classes.menu}>
      <div>
        <span className="quiet">{t('queues.says')}:</span> {said || t('queues.readsOptions')}
      </div>
      <ul>
        {menu.options.map((option) => (
          <li key={option.key} style={{ flexWrap: 'wrap' }}>
            <span className={classes.key}>
              <span className="sr-only">{t('queues.pressKey', { key: option.key })}</span>
              <span aria-hidden>{option.key}</span>
            </span>
            <span style={{ fontWeight: 550 }}>{option.name}</span>
            {option.kind === 'message' && <Message prompt={option.prompt} />}
            {option.kind === 'menu' && (
              <div className={classes.nested} style={{ flexBasis: '100%' }}>
                <MenuPreview queue={option.queue} />
              </div>
            )}
          </li>
        ))}
        <li>
          <span className={classes.key}>0</span>
          {t(`settings.zeros.${rule.zero}`)}
        </li>
        <li className="quiet">
          {t('queues.noInput', { count: rule.max_no_input })}: {t(`settings.finals.${rule.final}`)}
        </li>
      </ul>
    </div>
  );
}

function Message({ prompt }: { prompt: Schema['QueuePrompt'] | undefined }) {
  return <span className="quiet">{usePromptText(prompt)}</span>;
}

function usePromptText(prompt: Schema['QueuePrompt'] | undefined): string {
  const prompts = useQuery({ ...promptsQuery, enabled: prompt?.id !== undefined });
  if (!prompt) return '';
  const named = prompts.data?.find((p) => p.id === prompt.id);
  if (named) return named.text ? `“${named.text}”` : named.name;
  return prompt.text ? `“${prompt.text}”` : '';
}
