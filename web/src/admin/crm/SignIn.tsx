import { Button, Group, Stack, Text } from '@mantine/core';
import { IconLogin2 } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { notifyFailure } from '../../ui/notify';
import { State } from '../../ui/State';

/** Gives access to the CRM by OAuth: the browser goes there and comes back. */
export function SignIn(props: { vendor: Schema['CRMVendor']; ready: boolean; authorized: boolean; readOnly: boolean }) {
  const { t } = useTranslation('admin');
  const { vendor, ready, authorized, readOnly } = props;
  const begin = useMutation({
    mutationFn: () => body(api.POST('/api/v1/crm-connection/authorize')),
    onSuccess: ({ url }) => window.location.assign(url),
    onError: notifyFailure,
  });
  return (
    <Stack gap={4}>
      <Group gap="sm">
        <Button
          variant="default"
          leftSection={<IconLogin2 size={16} />}
          disabled={!ready || readOnly}
          loading={begin.isPending}
          onClick={() => begin.mutate()}
        >
          {t('crm.signIn', { vendor: vendor.label })}
        </Button>
        {authorized && <State tone="good">{t('crm.signedIn')}</State>}
      </Group>
      <Text size="xs" c="dimmed">
        {t('crm.redirect')} <code>{vendor.redirect_url}</code>
      </Text>
    </Stack>
  );
}
