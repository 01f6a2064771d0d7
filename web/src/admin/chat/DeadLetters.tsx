import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { deadLettersQuery } from '../../api/queries';
import { useFailureText } from '../../inbox/failure';
import { type Column, DataTable } from '../../ui/DataTable';
import { Section } from '../../ui/Page';
import { DateTime } from '../../ui/time';
import type { Account } from './account';

type Dead = Schema['DeadLetter'];

/** The messages of an account that were given up: why, and where they belong. */
export function DeadLetters({ account, onLeave }: { account: Account; onLeave: () => void }) {
  const { t } = useTranslation(['channels', 'common']);
  const failureText = useFailureText();
  const dead = useQuery(deadLettersQuery(account.id));
  const columns = useMemo(
    (): Column<Dead>[] => [
      { id: 'at', header: t('common:time'), width: 150, cell: (d) => <DateTime time={d.at} /> },
      {
        id: 'why',
        header: t('deadWhy'),
        cell: (d) => (
          <>
            {failureText(d.error)} <span className="quiet">{t('deadTries', { count: d.tries })}</span>
          </>
        ),
      },
      {
        id: 'conversation',
        header: t('common:actions'),
        actions: true,
        width: 170,
        cell: (d) => (
          <Anchor
            size="sm"
            renderRoot={(props) => (
              <Link to="/" search={{ part: 'inbox', view: 'all', c: d.conversation_id }} onClick={onLeave} {...props} />
            )}
          >
            {t('deadOpen')}
          </Anchor>
        ),
      },
    ],
    [t, failureText, onLeave],
  );
  return (
    <Section title={t('deadTitle')}>
      <DataTable
        label={t('deadTitle')}
        rows={dead.data}
        loading={dead.isPending}
        error={dead.error}
        onRetry={dead.refetch}
        columns={columns}
        rowKey={(d) => `${d.message_id} ${d.at}`}
        empty={t('deadNone')}
      />
    </Section>
  );
}
