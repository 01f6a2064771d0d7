import { Group, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Page.module.css';

/** A screen: its title with actions, then content that fills the rest. */
export function Page(props: {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  return (
    <div className={classes.page}>
      <Group justify="space-between" wrap="nowrap" className={classes.head}>
        <div className={classes.title}>
          <Title order={1}>{props.title}</Title>
          {props.note && (
            <Text size="sm" c="dimmed" component="div">
              {props.note}
            </Text>
          )}
        </div>
        <Group gap="xs" wrap="nowrap">
          {props.actions}
        </Group>
      </Group>
      <div className={classes.body}>{props.children}</div>
    </div>
  );
}

/** A titled part of a screen. */
export function Section(props: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={props.title}>
      <Group justify="space-between" wrap="nowrap" mih={30}>
        <Title order={2} fz="sm">
          {props.title}
        </Title>
        <Group gap="xs">{props.actions}</Group>
      </Group>
      {props.children}
    </section>
  );
}

/** Pairs of name and value. */
export function Facts({ rows }: { rows: Array<[name: string, value: ReactNode]> }) {
  return (
    <dl className={classes.facts}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function EmptyState(props: { icon?: ReactNode; title: string; text?: string; action?: ReactNode }) {
  return (
    <Stack align="center" gap={6} py={40} px="md" className={classes.empty}>
      {props.icon}
      <Text fw={550}>{props.title}</Text>
      {props.text && (
        <Text size="sm" c="dimmed" ta="center" maw={380}>
          {props.text}
        </Text>
      )}
      {props.action}
    </Stack>
  );
}
