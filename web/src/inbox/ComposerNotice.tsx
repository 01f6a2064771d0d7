import { Button, Group } from '@mantine/core';
import { IconAlertTriangle, IconTemplate } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Remaining } from '../ui/time';
import classes from './composer.module.css';
import type { Conversation } from './types';

/** The window and the quota: what is left, why nothing goes, and what still does. */
export function ComposerNotice({ conversation, onTemplate }: { conversation: Conversation; onTemplate: () => void }) {
  const { t } = useTranslation('inbox');
  const composer = conversation.composer;
  if (!composer) return null;
  const offers = composer.offers ?? [];
  const template = composer.traits.templates && offers.includes('template');
  if (!composer.open) {
    return (
      <Group className={classes.notice} data-closed justify="space-between" gap="xs" role="status">
        <span className={classes.noticeText}>
          <IconAlertTriangle size={16} aria-hidden />
          <span>
            {t(`why.${composer.why}`, t('why.other'))} {offers.length > 0 && t('stillWorks')}{' '}
            {offers.map((offer) => t(`offers.${offer}`, offer)).join(', ')}
          </span>
        </span>
        {template && (
          <Button
            size="compact-sm"
            leftSection={<IconTemplate size={15} />}
            data-action="template"
            onClick={onTemplate}
          >
            {t('chooseTemplate')}
          </Button>
        )}
      </Group>
    );
  }
  const facts: React.ReactNode[] = [];
  if (composer.until)
    facts.push(
      <span key="until">
        {t('windowCloses')} <Remaining until={composer.until} />
      </span>,
    );
  if (composer.left !== undefined) facts.push(<span key="left">{t('left', { count: composer.left })}</span>);
  if (composer.quota && composer.quota.limit > 0)
    facts.push(
      <span key="quota">
        {t(`quota.${composer.quota.name}`, composer.quota.name)}:{' '}
        <span className="tnum">
          {composer.quota.used} / {composer.quota.limit}
        </span>
      </span>,
    );
  if (composer.tag)
    facts.push(<span key="tag">{t(`tag.${composer.tag}`, t('tag.other', { tag: composer.tag }))}</span>);
  if (facts.length === 0) return null;
  return (
    <div className={classes.facts} role="note">
      {facts}
    </div>
  );
}
