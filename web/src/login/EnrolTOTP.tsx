import { Button, Code, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { QRCodeSVG } from 'qrcode.react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import type { Me } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';

/** Sets up the second factor, which a role may demand; the recovery codes are shown once. */
export function EnrolTOTP({ demanded, onDone }: { demanded?: boolean; onDone: (me: Me) => void }) {
  const { t } = useTranslation('login');
  const [code, setCode] = useState('');
  const enrolment = useQuery({
    queryKey: ['totp-enrolment'],
    queryFn: () => body(api.POST('/api/v1/me/totp')),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const confirm = useMutation({ mutationFn: () => body(api.POST('/api/v1/me/totp/confirm', { body: { code } })) });
  const enter = useMutation({ mutationFn: () => body(api.GET('/api/v1/me')), onSuccess: onDone });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  if (confirm.data) {
    return (
      <Stack gap="md">
        <div>
          <Title order={2}>{t('recoveryTitle')}</Title>
          <Text size="sm" c="dimmed">
            {t('recoveryLead')}
          </Text>
        </div>
        <Code block>{confirm.data.recovery_codes.join('\n')}</Code>
        {enter.error && <ErrorNotice error={enter.error} />}
        <Button size="md" loading={enter.isPending} onClick={() => enter.mutate()}>
          {t('recoveryKept')}
        </Button>
      </Stack>
    );
  }
  return (
    <form onSubmit={submit} aria-label={t('enrolTitle')}>
      <Stack gap="md">
        <div>
          <Title order={2}>{t('enrolTitle')}</Title>
          <Text size="sm" c="dimmed">
            {demanded && t('enrolDemanded')} {t('enrolLead')}
          </Text>
        </div>
        <QRCodeSVG
          value={enrolment.data?.uri ?? ''}
          title={t('enrolPicture')}
          size={192}
          marginSize={4}
          style={{ alignSelf: 'center', borderRadius: 8, visibility: enrolment.data ? 'visible' : 'hidden' }}
        />
        <TextInput label={t('enrolKey')} readOnly value={enrolment.data?.secret ?? ''} />
        <TextInput
          label={t('code')}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        {(enrolment.error ?? confirm.error) && <ErrorNotice error={enrolment.error ?? confirm.error} />}
        <Button type="submit" size="md" loading={confirm.isPending} disabled={!enrolment.data}>
          {t('confirm')}
        </Button>
      </Stack>
    </form>
  );
}
