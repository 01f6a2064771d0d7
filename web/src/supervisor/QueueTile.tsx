import { Skeleton } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconClockExclamation } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { clock } from '../ui/format';
import { type Level, levelOfService, levelOfWait } from './thresholds';
import classes from './wallboard.module.css';

const icons = { good: IconCircleCheck, warn: IconClockExclamation, bad: IconAlertTriangle };

/** One queue of the wall board. Colour, icon and word say the same. */
export function QueueTile({ queue }: { queue: Schema['LiveQueue'] }) {
  const { t, i18n } = useTranslation('supervisor');
  const percent = (share: number | undefined | null) =>
    share === undefined || share === null
      ? '–'
      : new Intl.NumberFormat(i18n.language, { style: 'percent', maximumFractionDigits: 0 }).format(share);
  const wait = levelOfWait(queue);
  const service = levelOfService(queue.today.service_level_of_offered);
  const Icon = icons[wait];
  return (
    <section className={classes.tile} data-level={wait} aria-label={queue.name}>
      <header>
        <h3>{queue.name}</h3>
        <span className={classes.verdict}>
          <Icon size="1.1em" aria-hidden />
          {t(`level.${wait}`)}
        </span>
      </header>
      <dl className={classes.big}>
        <div>
          <dt>{t('waiting')}</dt>
          <dd>{queue.waiting}</dd>
        </div>
        <div>
          <dt>{t('longestWait')}</dt>
          <dd>{clock(queue.longest_wait_seconds)}</dd>
        </div>
        <Figure name={t('serviceLevel')} level={service} value={percent(queue.today.service_level_of_offered)} />
      </dl>
      <dl className={classes.small}>
        <Fact name={t('readyAgents')} value={`${queue.ready} / ${queue.agents}`} />
        <Fact name={t('withCustomers')} value={queue.talking} />
        <Fact name={t('wrapUp')} value={queue.wrap_up} />
        <Fact name={t('offeredToday')} value={queue.today.offered} />
        <Fact name={t('abandonedToday')} value={queue.today.abandoned} />
        <Fact
          name={t('asa')}
          value={
            queue.today.average_speed_of_answer_seconds === undefined
              ? '–'
              : clock(queue.today.average_speed_of_answer_seconds)
          }
        />
      </dl>
    </section>
  );
}

function Figure({ name, level, value }: { name: string; level: Level | undefined; value: string }) {
  const { t } = useTranslation('supervisor');
  const Icon = level && icons[level];
  return (
    <div data-level={level}>
      <dt>{name}</dt>
      <dd>
        {value}
        {Icon && <Icon size="0.55em" aria-label={t(`level.${level}`)} />}
      </dd>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string | number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

export function TileSkeleton() {
  return (
    <div className={classes.tile} aria-hidden>
      <Skeleton height={18} width="40%" mb="md" />
      <Skeleton height={44} mb="md" />
      <Skeleton height={58} />
    </div>
  );
}
