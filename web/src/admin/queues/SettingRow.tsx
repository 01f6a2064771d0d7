import { Anchor } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Tag } from '../../ui/State';
import classes from '../admin.module.css';
import { SettingControl } from './SettingControl';
import { type Draft, type Name, type Value, withReset, withValue } from './settings';

interface SettingRowProps<N extends Name> {
  name: N;
  value: Value<N>;
  origin: 'global' | 'parent' | 'own' | 'default';
  draft: Draft;
  onDraft: (draft: Draft) => void;
  readOnly: boolean;
}

/** One setting: its name, its value to change, where it comes from, and the way back to inheriting. */
export function SettingRow<N extends Name>({ name, value, origin, draft, onDraft, readOnly }: SettingRowProps<N>) {
  const { t } = useTranslation('admin');
  const changed = draft.set[name] as Value<N> | undefined;
  const reset = draft.reset.includes(name);
  const own = changed !== undefined || (origin === 'own' && !reset);
  return (
    <fieldset className={classes.setting} data-setting={name} disabled={readOnly}>
      <legend className="sr-only">{t(`settings.${name}`)}</legend>
      <div className={classes.settingName} aria-hidden>
        {t(`settings.${name}`)}
      </div>
      <SettingControl name={name} value={changed ?? value} onChange={(next) => onDraft(withValue(draft, name, next))} />
      <div className={classes.settingOrigin}>
        <Tag tone={own ? 'info' : 'quiet'}>
          {reset ? t('queues.willInherit') : t(`queues.origin.${own ? 'own' : origin}`)}
        </Tag>
        {own && !readOnly && (
          <Anchor
            component="button"
            type="button"
            size="xs"
            aria-label={`${t('queues.inherit')}: ${t(`settings.${name}`)}`}
            onClick={() =>
              onDraft(
                origin === 'own'
                  ? withReset(draft, name)
                  : { ...draft, set: Object.fromEntries(Object.entries(draft.set).filter(([n]) => n !== name)) },
              )
            }
          >
            {t('queues.inherit')}
          </Anchor>
        )}
      </div>
    </fieldset>
  );
}
