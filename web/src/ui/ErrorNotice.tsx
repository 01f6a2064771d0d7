import { Alert, Button, Group, type MantineSpacing, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { useErrorText } from './errorText';

/** What went wrong, in a sentence, and the way to try again. */
export function ErrorNotice(props: { error: unknown; onRetry?: (() => void) | undefined; m?: MantineSpacing }) {
  const { t } = useTranslation();
  const text = useErrorText(props.error);
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle size={18} />} m={props.m} p="sm">
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="var(--t-bad)">
          {text}
        </Text>
        {props.onRetry && (
          <Button size="compact-sm" variant="default" onClick={props.onRetry}>
            {t('retry')}
          </Button>
        )}
      </Group>
    </Alert>
  );
}
