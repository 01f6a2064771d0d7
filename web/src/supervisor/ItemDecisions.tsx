import { Skeleton, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { decisionsQuery } from '../api/queries';
import { ErrorNotice } from '../ui/ErrorNotice';
import { clock, shortTime } from '../ui/format';
import { DateTime } from '../ui/time';
import classes from './supervisor.module.css';

type Decision = Schema['Decision'];

/** Why which agent was offered an item, and why not the others; and why nobody was. */
export function ItemDecisions({ id }: { id: string }) {
  const { t } = useTranslation('supervisor');
  const decisions = useQuery(decisionsQuery(id));
  return (
    <section>
      <Title order={3} mb="xs">
        {t('decisions')}
      </Title>
      {decisions.isPending && <Skeleton height={60} />}
      {decisions.error && <ErrorNotice error={decisions.error} onRetry={decisions.refetch} />}
      {decisions.data?.length === 0 && <span className="quiet">{t('noDecisions')}</span>}
      <Stack gap="sm">
        {decisions.data?.map((decision) => (
          <OneDecision key={`${decision.at} ${decision.offer ?? ''}`} decision={decision} />
        ))}
      </Stack>
    </section>
  );
}

function OneDecision({ decision }: { decision: Decision }) {
  const { t } = useTranslation(['supervisor', 'admin']);
  const facts = useFacts();
  const algorithm = t(`admin:settings.algorithms.${decision.algorithm}`, decision.algorithm);
  const why = [
    decision.assigned_by ? t('decision.assigned') : algorithm,
    facts(decision.facts),
    decision.at_once ? t('decision.atOnce', { count: decision.at_once }) : '',
    t('decision.waiting', { count: decision.waiting }),
    decision.priority !== 0 || decision.aged ? t('decision.priority', { priority: decision.priority }) : '',
    decision.aged ? t('decision.aged', { aged: Math.round(decision.aged * 10) / 10 }) : '',
  ].filter(Boolean);
  const named = decision.first ?? [];
  const others = Object.entries(decision.others ?? {}).map(
    ([reason, count]) => `${t(`decision.reasons.${reason}`, reason)} ${count}`,
  );
  return (
    <div className={classes.decision} data-nobody={decision.nobody || undefined}>
      <div>
        <strong>{decision.nobody ? t('decision.nobody') : t('chosen', { agent: decision.agent_name })}</strong>{' '}
        <span className="quiet">
          <DateTime time={decision.at} short />
        </span>
      </div>
      <div>
        {why.join(' · ')}
        {!decision.nobody && decision.idle_since && (
          <>
            {' · '}
            {t('idleSince')} <DateTime time={decision.idle_since} short />
          </>
        )}
      </div>
      {named.length > 0 && (
        <ul aria-label={t('notChosen')}>
          {named.map((passed) => (
            <li key={passed.agent}>
              {[`${passed.name}: ${t(`decision.reasons.${passed.reason}`, passed.reason)}`, facts(passed.facts)]
                .filter(Boolean)
                .join(', ')}
            </li>
          ))}
        </ul>
      )}
      {others.length > 0 && <div className="quiet">{t('passed', { list: others.join(', ') })}</div>}
    </div>
  );
}

/** What the algorithm went by, in words. */
function useFacts(): (facts: Decision['facts']) => string {
  const { t, i18n } = useTranslation('supervisor');
  return (facts) => {
    if (!facts) return '';
    if (facts.interactions !== undefined) return t('decision.interactions', { count: facts.interactions });
    if (facts.talk_seconds !== undefined) return t('decision.talk', { time: clock(facts.talk_seconds) });
    if (facts.position !== undefined) return t('decision.position', { position: facts.position + 1 });
    if (facts.skill_score !== undefined) return t('decision.score', { score: facts.skill_score });
    if (facts.offered_at && Date.parse(facts.offered_at) > 0)
      return t('decision.offered', { time: shortTime(facts.offered_at, i18n.language, Date.now()) });
    return '';
  };
}
