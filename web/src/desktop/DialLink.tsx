import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useOutboundQueues } from './dial';

/** A number that a click puts into the dialler, for who may call; it dials nothing by itself. */
export function DialLink({ number, children }: { number: string; children?: ReactNode }) {
  const { t } = useTranslation('desktop');
  const may = useOutboundQueues().length > 0;
  const text = children ?? <span className="tnum">{number}</span>;
  if (!may || !number) return text;
  return (
    <Anchor
      size="sm"
      title={t('dial.to', { number })}
      renderRoot={(props) => <Link to="/" search={{ dial: number }} {...props} />}
    >
      {text}
    </Anchor>
  );
}
