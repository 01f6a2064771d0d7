import { ActionIcon, Button, Group, PasswordInput, Select, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

type Access = Schema['Access'];
type Route = Schema['Route'];

interface AccessEditorProps {
  access: Access;
  queues: Array<{ value: string; label: string }>;
  hasToken: boolean;
  token: string;
  onChange: (access: Access) => void;
  onToken: (token: string) => void;
}

/** Direct ways into queues for some of a number's callers, and the outside service that may know them. */
export function AccessEditor({ access, queues, hasToken, token, onChange, onToken }: AccessEditorProps) {
  const { t } = useTranslation('admin');
  const routes = access.routes ?? [];
  const setRoutes = (next: Route[]) => onChange({ ...access, routes: next });
  return (
    <>
      <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
        <legend style={{ fontWeight: 500, fontSize: 'var(--mantine-font-size-sm)', padding: 0 }}>
          {t('numbers.routes')}
        </legend>
        <p className="quiet" style={{ margin: '0 0 8px', fontSize: 'var(--mantine-font-size-xs)' }}>
          {t('numbers.routesHelp')}
        </p>
        {routes.map((route, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a route has no name but its place
          <div key={index}>
            <RouteRow
              route={route}
              queues={queues}
              onChange={(part) => setRoutes(routes.map((r, i) => (i === index ? { ...r, ...part } : r)))}
              onRemove={() => setRoutes(routes.filter((_, i) => i !== index))}
            />
          </div>
        ))}
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconPlus size={15} />}
          onClick={() => setRoutes([...routes, { tag: '', queue_id: queues[0]?.value ?? '' }])}
        >
          {t('numbers.addRoute')}
        </Button>
      </fieldset>
      <TextInput
        label={t('numbers.lookup')}
        description={t('numbers.lookupHelp')}
        placeholder="https://crm.example.com/lookup"
        type="url"
        value={access.lookup?.url ?? ''}
        onChange={(event) => {
          const url = event.currentTarget.value;
          const { lookup: _, ...rest } = access;
          onChange(url ? { ...rest, lookup: { url } } : rest);
        }}
      />
      {access.lookup && (
        <PasswordInput
          label={t('numbers.lookupToken')}
          placeholder={hasToken ? t('trunks.passwordKeep') : ''}
          autoComplete="off"
          value={token}
          onChange={(event) => onToken(event.currentTarget.value)}
        />
      )}
    </>
  );
}

type By = 'tag' | 'caller_prefix' | 'field';

function byOf(route: Route): By {
  if (route.field !== undefined) return 'field';
  return route.caller_prefix !== undefined ? 'caller_prefix' : 'tag';
}

function RouteRow(props: {
  route: Route;
  queues: AccessEditorProps['queues'];
  onChange: (part: Partial<Record<keyof Route, string | undefined>>) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation('admin');
  const { route } = props;
  const by = byOf(route);
  return (
    <Group gap={6} mb={6} wrap="nowrap">
      <Select
        aria-label={t('numbers.routeBy')}
        size="xs"
        w={150}
        allowDeselect={false}
        data={(['tag', 'caller_prefix', 'field'] as const).map((value) => ({ value, label: t(`numbers.by.${value}`) }))}
        value={by}
        onChange={(next) =>
          next &&
          props.onChange({ tag: undefined, caller_prefix: undefined, field: undefined, value: undefined, [next]: '' })
        }
      />
      <TextInput
        aria-label={t(`numbers.by.${by}`)}
        size="xs"
        flex={1}
        required
        value={route[by] ?? ''}
        onChange={(event) => props.onChange({ [by]: event.currentTarget.value })}
      />
      {by === 'field' && (
        <TextInput
          aria-label={t('numbers.value')}
          placeholder={t('numbers.value')}
          size="xs"
          flex={1}
          value={route.value ?? ''}
          onChange={(event) => props.onChange({ value: event.currentTarget.value })}
        />
      )}
      <Select
        aria-label={t('numbers.target')}
        size="xs"
        flex={1}
        searchable
        allowDeselect={false}
        data={props.queues}
        value={route.queue_id}
        onChange={(queue) => queue && props.onChange({ queue_id: queue })}
      />
      <ActionIcon variant="subtle" color="gray" aria-label={t('numbers.removeRoute')} onClick={props.onRemove}>
        <IconX size={15} />
      </ActionIcon>
    </Group>
  );
}
