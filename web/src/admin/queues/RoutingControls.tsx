import { ActionIcon, Button, Group, MultiSelect, NumberInput, Select, Stack, Switch, Text } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { agentGroupsQuery, skillsQuery } from '../../api/queries';
import classes from '../admin.module.css';

interface Control<T> {
  label: string;
  value: T;
  onChange: (value: T) => void;
}

/** Lines of a list, each with a way to take it out, and a button for one more. */
function Lines<T>(
  props: Control<T[]> & {
    line: (value: T, change: (value: T) => void) => ReactNode;
    add: string;
    fresh: () => T;
    most?: number;
  },
) {
  const { t } = useTranslation('admin');
  const { value, onChange } = props;
  const most = props.most ?? 10;
  return (
    <Stack gap={8} align="flex-start">
      {value.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name, and keep their place
        <Group key={index} gap={8} align="flex-end" role="group" aria-label={`${props.label} ${index + 1}`}>
          {props.line(one, (next) => onChange(value.map((was, i) => (i === index ? next : was))))}
          <ActionIcon
            variant="subtle"
            color="gray"
            mb={4}
            aria-label={`${t('settings.remove')}: ${props.label} ${index + 1}`}
            onClick={() => onChange(value.filter((_, i) => i !== index))}
          >
            <IconX size={16} />
          </ActionIcon>
        </Group>
      ))}
      {value.length < most && (
        <Button variant="default" size="compact-sm" onClick={() => onChange([...value, props.fresh()])}>
          {props.add}
        </Button>
      )}
    </Stack>
  );
}

function Amount(props: {
  label: string;
  value: number;
  onChange: (value: number) => void;
  min?: number;
  max?: number;
  suffix?: string;
  decimals?: boolean;
  disabled?: boolean;
}) {
  return (
    <NumberInput
      label={props.label}
      w={130}
      min={props.min ?? 0}
      max={props.max}
      allowDecimal={props.decimals ?? false}
      suffix={props.suffix}
      disabled={props.disabled}
      value={props.value}
      onChange={(next) => typeof next === 'number' && props.onChange(next)}
    />
  );
}

const useSeconds = () => ` ${useTranslation('admin').t('settings.seconds')}`;

/** The skills that a queue asks for; only the algorithm that goes by skills looks at them. */
export function SkillsControl({ label, value, onChange }: Control<Schema['SkillRule']>) {
  const { t } = useTranslation('admin');
  const skills = useQuery(skillsQuery);
  const data = skills.data?.map((s) => ({ value: s.id, label: s.name })) ?? [];
  const required = value.required ?? [];
  const free = data.find((one) => !required.some((need) => need.skill === one.value));
  return (
    <Stack gap={8} align="flex-start">
      <Select
        aria-label={label}
        description={t('settings.skillsOnly')}
        w={260}
        data={(['all', 'best'] as const).map((match) => ({ value: match, label: t(`settings.matches.${match}`) }))}
        value={value.match}
        onChange={(match) => match && onChange({ ...value, match: match as typeof value.match })}
      />
      <Lines
        label={t('settings.skill')}
        value={required}
        onChange={(next) => onChange({ ...value, required: next })}
        add={t('settings.addSkill')}
        fresh={() => ({ skill: free?.value ?? '', level: 3 })}
        most={free ? 20 : required.length}
        line={(need, change) => (
          <>
            <Select
              label={t('settings.skill')}
              w={200}
              searchable
              data={data}
              value={need.skill || null}
              onChange={(skill) => skill && change({ ...need, skill })}
            />
            <Amount
              label={t('settings.level')}
              min={1}
              max={5}
              value={need.level}
              onChange={(level) => change({ ...need, level })}
            />
          </>
        )}
      />
      {skills.data?.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('skills.emptyText')}
        </Text>
      )}
    </Stack>
  );
}

/** Who may get an item at once, and who once it has waited. */
export function RingsControl({ label, value, onChange }: Control<Schema['RoutingRing'][]>) {
  const { t } = useTranslation('admin');
  const seconds = useSeconds();
  const groups = useQuery(agentGroupsQuery);
  const data = groups.data?.map((g) => ({ value: g.id, label: g.name })) ?? [];
  const last = value[value.length - 1]?.after_seconds ?? 0;
  return (
    <Stack gap={6}>
      {value.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('settings.ringsNone')}
        </Text>
      )}
      <Lines
        label={label}
        value={value}
        // The first says with whom an item begins.
        onChange={(next) => onChange(next.map((ring, i) => (i === 0 ? { ...ring, after_seconds: 0 } : ring)))}
        add={t('settings.addRing')}
        fresh={() => ({
          after_seconds: value.length === 0 ? 0 : last + 20,
          everybody: true,
          groups: [],
          lower_skills: 0,
        })}
        line={(ring, change) => (
          <>
            <Amount
              label={t('settings.after')}
              suffix={seconds}
              disabled={ring === value[0]}
              value={ring.after_seconds}
              onChange={(after_seconds) => change({ ...ring, after_seconds })}
            />
            <Switch
              mb={8}
              label={t('settings.everybody')}
              checked={ring.everybody ?? false}
              onChange={(event) => change({ ...ring, everybody: event.currentTarget.checked })}
            />
            {!ring.everybody && (
              <MultiSelect
                label={t('settings.ringGroups')}
                w={240}
                searchable
                data={data}
                value={ring.groups ?? []}
                onChange={(next) => change({ ...ring, groups: next })}
              />
            )}
            <Amount
              label={t('settings.lowerSkills')}
              max={5}
              value={ring.lower_skills}
              onChange={(lower_skills) => change({ ...ring, lower_skills })}
            />
          </>
        )}
      />
    </Stack>
  );
}

/** How much of the queue each group gets. */
export function SharesControl({ value, onChange }: Control<Schema['RoutingShare'][]>) {
  const { t } = useTranslation('admin');
  const groups = useQuery(agentGroupsQuery);
  const data = groups.data?.map((g) => ({ value: g.id, label: g.name })) ?? [];
  const free = data.find((one) => !value.some((share) => share.group === one.value));
  const sum = value.reduce((all, share) => all + share.percent, 0);
  return (
    <Stack gap={6} align="flex-start">
      <Text size="xs" c="dimmed">
        {t('settings.sharesOnly')}
      </Text>
      <Lines
        label={t('settings.group')}
        value={value}
        onChange={onChange}
        add={t('settings.addShare')}
        fresh={() => ({ group: free?.value ?? '', percent: Math.max(1, 100 - sum) })}
        most={free ? 20 : value.length}
        line={(share, change) => (
          <>
            <Select
              label={t('settings.group')}
              w={200}
              searchable
              data={data}
              value={share.group || null}
              onChange={(group) => group && change({ ...share, group })}
            />
            <Amount
              label={t('settings.percent')}
              min={1}
              max={100}
              suffix=" %"
              value={share.percent}
              onChange={(percent) => change({ ...share, percent })}
            />
          </>
        )}
      />
      {value.length > 0 && sum !== 100 && (
        <Text size="sm" c="var(--t-warn)" role="status">
          {t('settings.sharesSum', { sum })}
        </Text>
      )}
    </Stack>
  );
}

/** How the priority of what waits grows. */
export function AgeingControl({ label, value, onChange }: Control<Schema['Ageing']>) {
  const { t } = useTranslation('admin');
  const seconds = useSeconds();
  const steps = value.steps ?? [];
  const choose = (curve: string | null) => {
    if (curve === 'linear') onChange({ curve, per_minute: value.per_minute || 1 });
    else if (curve === 'steps') onChange({ curve, steps: steps.length > 0 ? steps : [{ after_seconds: 60, add: 1 }] });
    else if (curve === 'none') onChange({ curve });
  };
  return (
    <div className={classes.fields}>
      <Select
        aria-label={label}
        w={180}
        data={(['none', 'linear', 'steps'] as const).map((curve) => ({
          value: curve,
          label: t(`settings.curves.${curve}`),
        }))}
        value={value.curve}
        onChange={choose}
      />
      {value.curve === 'linear' && (
        <Amount
          label={t('settings.perMinute')}
          decimals
          min={0.1}
          value={value.per_minute ?? 1}
          onChange={(per_minute) => onChange({ ...value, per_minute })}
        />
      )}
      {value.curve === 'steps' && (
        <Lines
          label={label}
          value={steps}
          onChange={(next) => onChange({ ...value, steps: next })}
          add={t('settings.addStep')}
          fresh={() => ({ after_seconds: (steps[steps.length - 1]?.after_seconds ?? 0) + 60, add: 1 })}
          line={(step, change) => (
            <>
              <Amount
                label={t('settings.after')}
                min={1}
                suffix={seconds}
                value={step.after_seconds}
                onChange={(after_seconds) => change({ ...step, after_seconds })}
              />
              <Amount
                label={t('settings.adds')}
                min={-1000}
                value={step.add}
                onChange={(add) => change({ ...step, add })}
              />
            </>
          )}
        />
      )}
    </div>
  );
}

/** Whether a caller goes to the agent who knows them, for so long. */
export function PreferredControl({ label, value, onChange }: Control<Schema['PreferredRule']>) {
  const { t } = useTranslation('admin');
  const seconds = useSeconds();
  return (
    <div className={classes.fields}>
      <Switch
        mb={8}
        aria-label={label}
        label={t('settings.lastAgent')}
        checked={value.last_agent}
        onChange={(event) =>
          onChange({
            last_agent: event.currentTarget.checked,
            wait_seconds: value.wait_seconds || (event.currentTarget.checked ? 30 : 0),
          })
        }
      />
      <Amount
        label={t('settings.waitFor')}
        max={3600}
        suffix={seconds}
        value={value.wait_seconds}
        onChange={(wait_seconds) => onChange({ ...value, wait_seconds })}
      />
    </div>
  );
}

const channels = ['ivr', 'web', 'mobile', 'sms'] as const;

/** What an item of each channel takes of an agent. */
export function WeightsControl({ label, value, onChange }: Control<Record<string, Schema['Weight']>>) {
  const { t } = useTranslation('admin');
  const set = (channel: string, weight: Schema['Weight'] | undefined) => {
    const { [channel]: _, ...others } = value;
    onChange(weight ? { ...others, [channel]: weight } : others);
  };
  return (
    <Stack gap={6}>
      <Text size="xs" c="dimmed">
        {t('settings.weightsHelp')}
      </Text>
      {channels.map((channel) => (
        <Group key={channel} gap={10} align="center">
          <Text size="sm" w={90}>
            {t(`settings.channels.${channel}`)}
          </Text>
          <NumberInput
            aria-label={`${label}: ${t(`settings.channels.${channel}`)}`}
            w={110}
            min={1}
            max={1000}
            allowDecimal={false}
            disabled={value[channel]?.exclusive === true}
            value={value[channel]?.weight || ''}
            onChange={(next) => set(channel, typeof next === 'number' ? { weight: next } : undefined)}
          />
          <Switch
            aria-label={`${t('settings.exclusive')}: ${t(`settings.channels.${channel}`)}`}
            label={t('settings.exclusive')}
            checked={value[channel]?.exclusive ?? false}
            onChange={(event) => set(channel, event.currentTarget.checked ? { weight: 0, exclusive: true } : undefined)}
          />
        </Group>
      ))}
    </Stack>
  );
}
