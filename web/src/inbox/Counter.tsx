import { useTranslation } from 'react-i18next';
import classes from './composer.module.css';
import { lengthIn, segmentsOf } from './length';
import type { Traits } from './types';

// From here on it is worth saying how much room is left.
const NEAR = 0.8;

/** How long the text is, as the channel counts; of an SMS also in how many parts it goes, because each is paid for. */
export function Counter({ text, channel, traits }: { text: string; channel: string; traits: Traits | undefined }) {
  const { t } = useTranslation('inbox');
  if (text === '') return null;
  if (channel === 'sms') {
    const { encoding, units, segments, left } = segmentsOf(text);
    return (
      <span className={classes.counter} data-over={segments > 3 || undefined}>
        {t('segments', { count: segments })} · {units} ({encoding}) · {t('lettersLeft', { count: left })}
      </span>
    );
  }
  const limit = traits?.text_limit ?? 0;
  const length = lengthIn(text, traits?.unit ?? 'characters');
  if (limit === 0 || length < limit * NEAR) return null;
  return (
    <span className={classes.counter} data-over={length > limit || undefined}>
      {t(`unit.${traits?.unit ?? 'characters'}`, { length, limit })}
      {length > limit && ` · ${t('split')}`}
    </span>
  );
}
