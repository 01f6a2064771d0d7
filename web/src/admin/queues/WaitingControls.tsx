import { ActionIcon, Button, Checkbox, Select, Switch } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconPlus, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import classes from '../admin.module.css';
import { type Control, Count, PromptControl, useChoices } from './controls';
import { InsteadControl } from './DeflectionControls';

/** Something in a list whose order matters: buttons to move and remove it. */
function Item<T>(props: {
  name: string;
  list: T[];
  index: number;
  onChange: (list: T[]) => void;
  children: React.ReactNode;
}) {
  const { t } = useTranslation('admin');
  const { list, index, onChange } = props;
  const swap = (to: number) => {
    const next = [...list];
    const [moved] = next.splice(index, 1);
    if (moved !== undefined) next.splice(to, 0, moved);
    onChange(next);
  };
  return (
    <li className={classes.listItem}>
      <div className={classes.fields}>{props.children}</div>
      <div className={classes.listMoves}>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={index === 0}
          aria-label={`${t('settings.moveUp')}: ${props.name}`}
          onClick={() => swap(index - 1)}
        >
          <IconArrowUp size={15} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={index === list.length - 1}
          aria-label={`${t('settings.moveDown')}: ${props.name}`}
          onClick={() => swap(index + 1)}
        >
          <IconArrowDown size={15} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`${t('settings.remove')}: ${props.name}`}
          onClick={() => onChange(list.filter((_, i) => i !== index))}
        >
          <IconX size={15} />
        </ActionIcon>
      </div>
    </li>
  );
}

type Part = Schema['AnnouncementPart'];

// What is played where nobody has chosen an order (package queues, Announcement.Parts).
const usualOrder: Part[] = [{ play: 'greeting' }, { play: 'music' }, { play: 'position' }];

/** What those who wait hear, in its order. */
export function AnnouncementControl({ label, value, onChange }: Control<Schema['Announcement']>) {
  const { t } = useTranslation('admin');
  const kinds = useChoices('announcements', ['greeting', 'position', 'estimated_wait', 'prompt', 'music']);
  const order = value.order?.length ? value.order : usualOrder;
  const set = (parts: Part[]) => onChange({ ...value, order: parts });
  return (
    <div className={classes.fields} style={{ flexDirection: 'column', alignItems: 'stretch' }}>
      <Switch
        aria-label={label}
        label={t('settings.on')}
        checked={value.on}
        onChange={(event) => onChange({ ...value, on: event.currentTarget.checked })}
      />
      {value.on && (
        <>
          <div className={classes.fields}>
            <Count
              label={t('settings.musicFor')}
              min={10}
              value={value.every_seconds}
              suffix={` ${t('settings.seconds')}`}
              onChange={(every_seconds) => onChange({ ...value, every_seconds })}
            />
            <Count
              label={`${t('settings.rounds')} (${t('settings.roundsHint')})`}
              value={value.max ?? 0}
              onChange={(max) => onChange({ ...value, max })}
            />
          </div>
          <ol className={classes.list}>
            {order.map((part, index) => (
              <Item
                // biome-ignore lint/suspicious/noArrayIndexKey: parts have no identity but their place
                key={index}
                name={t('settings.part', { number: index + 1 })}
                list={order}
                index={index}
                onChange={set}
              >
                <Select
                  aria-label={t('settings.part', { number: index + 1 })}
                  w={170}
                  data={kinds}
                  value={part.play}
                  onChange={(play) =>
                    play && set(order.map((p, i) => (i === index ? { play: play as Part['play'] } : p)))
                  }
                />
                {part.play === 'prompt' && (
                  <PromptControl
                    label={`${t('settings.part', { number: index + 1 })}: ${t('settings.prompt')}`}
                    value={part.prompt ?? {}}
                    onChange={(prompt) => set(order.map((p, i) => (i === index ? { ...p, prompt } : p)))}
                  />
                )}
              </Item>
            ))}
          </ol>
          <Add label={t('settings.addPart')} onClick={() => set([...order, { play: 'music' }])} />
        </>
      )}
    </div>
  );
}

type Rule = Schema['OverRule'];

/** Rules against waiting too long: the first that holds acts. */
export function OverRulesControl({ value, onChange }: Control<Rule[]>) {
  const { t } = useTranslation('admin');
  const change = (index: number, part: Partial<Rule>) =>
    onChange(value.map((rule, i) => (i === index ? { ...rule, ...part } : rule)));
  return (
    <div className={classes.fields} style={{ flexDirection: 'column', alignItems: 'stretch' }}>
      {value.length === 0 && <span className="quiet">{t('settings.noRules')}</span>}
      <ol className={classes.list}>
        {value.map((rule, index) => {
          const name = t('settings.rule', { number: index + 1 });
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: rules have no identity but their place
            <Item key={index} name={name} list={value} index={index} onChange={onChange}>
              <Count
                label={t('settings.ahead')}
                value={rule.ahead ?? 0}
                onChange={(ahead) => change(index, { ahead })}
              />
              <Count
                label={t('settings.estimated')}
                value={rule.wait_seconds ?? 0}
                suffix={` ${t('settings.seconds')}`}
                onChange={(wait_seconds) => change(index, { wait_seconds })}
              />
              <Checkbox
                mb={8}
                label={t('settings.alreadyWaiting')}
                checked={rule.already_waiting ?? false}
                onChange={(event) => change(index, { already_waiting: event.currentTarget.checked })}
              />
              <InsteadControl
                label={`${name}: ${t('settings.then')}`}
                modes={['off', 'message', 'voicemail', 'callback', 'queue', 'number']}
                value={rule.do}
                onChange={(next) => change(index, { do: next })}
              />
            </Item>
          );
        })}
      </ol>
      <Add label={t('settings.addRule')} onClick={() => onChange([...value, { ahead: 10, do: { mode: 'message' } }])} />
    </div>
  );
}

/** What happens when no agent is there: to those who come, and to those who wait. */
export function EmptyControl({ label, value, onChange }: Control<Schema['EmptyPolicy']>) {
  const { t } = useTranslation('admin');
  const conditions = useChoices('emptyConditions', ['never', 'nobody_signed_in', 'nobody_available']);
  return (
    <div className={classes.fields} style={{ flexDirection: 'column', alignItems: 'stretch' }}>
      {(['join', 'leave'] as const).map((side) => {
        const rule = value[side];
        const name = t(`settings.empty_${side}`);
        return (
          <div key={side} className={classes.fields}>
            <Select
              label={name}
              w={220}
              data={conditions}
              value={rule.when}
              onChange={(when) =>
                when &&
                onChange({
                  ...value,
                  [side]: {
                    when,
                    do: when !== 'never' && rule.do.mode === 'off' ? { mode: 'message' } : rule.do,
                  },
                })
              }
            />
            {rule.when !== 'never' && (
              <InsteadControl
                label={`${label}: ${name}`}
                modes={['message', 'voicemail', 'callback', 'queue', 'number']}
                value={rule.do}
                onChange={(next) => onChange({ ...value, [side]: { ...rule, do: next } })}
              />
            )}
          </div>
        );
      })}
    </div>
  );
}

function Add({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <Button
      variant="default"
      size="compact-sm"
      style={{ alignSelf: 'start' }}
      leftSection={<IconPlus size={15} />}
      onClick={onClick}
    >
      {label}
    </Button>
  );
}
