import { Select, Switch } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { numbersQuery } from '../../api/queries';
import { useCan } from '../../app/session';
import classes from '../admin.module.css';
import type { Control } from './controls';

/** Whether agents call customers on the queue's behalf, and which number those see. */
export function OutboundControl({ label, value, onChange }: Control<Schema['OutboundRule']>) {
  const { t } = useTranslation('admin');
  const can = useCan();
  const numbers = useQuery({ ...numbersQuery, enabled: can('read', 'numbers') });
  const own = (numbers.data ?? []).map((one) => one.number).filter((number) => /^\+?\d{2,15}$/.test(number));
  const shown = value.caller_id ?? '';
  const data = [...new Set(shown ? [...own, shown] : own)].sort();
  return (
    <div className={classes.fields}>
      <Switch
        aria-label={label}
        label={t('settings.outboundRule.allowed')}
        description={t('settings.outboundRule.allowedHint')}
        checked={value.allowed}
        onChange={(event) => onChange({ ...value, allowed: event.currentTarget.checked })}
      />
      <Switch
        label={t('settings.outboundRule.detect_machine')}
        description={t('settings.outboundRule.detect_machineHint')}
        checked={value.detect_machine ?? false}
        onChange={(event) => onChange({ ...value, detect_machine: event.currentTarget.checked })}
      />
      <Select
        label={t('settings.outboundRule.caller_id')}
        description={t('settings.outboundRule.caller_idHint')}
        w={260}
        searchable
        allowDeselect={false}
        data={[
          { value: '', label: t('settings.outboundRule.trunks') },
          ...data.map((number) => ({ value: number, label: number })),
        ]}
        value={shown}
        onChange={(caller_id) => onChange({ ...value, caller_id: caller_id ?? '' })}
      />
    </div>
  );
}
