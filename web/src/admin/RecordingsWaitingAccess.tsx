import { Button, CopyButton, Group, Modal, PinInput, Stack, Text, Textarea } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { ErrorNotice } from '../ui/ErrorNotice';
import { DateTime } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';

type Waiting = Schema['RecordingWaiting'];

/** The break-glass way: the CRM signs a challenge, the person proves a second factor, and the recording is heard once. */
export function RecordingAccess({ recording, onClose }: { recording: Waiting; onClose: () => void }) {
  const { t } = useTranslation('admin');
  const path = { id: recording.id };
  const challenge = useQuery({
    queryKey: ['recording-challenge', recording.id],
    queryFn: () => body(api.POST('/api/v1/recordings/{id}/challenge', { params: { path } })),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const [signature, setSignature] = useState('');
  const [code, setCode] = useState('');
  const listen = useMutation({
    mutationFn: async () => {
      const grant = await body(
        api.POST('/api/v1/recordings/{id}/access', {
          params: { path },
          body: { challenge_id: challenge.data?.id ?? '', signature: signature.trim(), code },
        }),
      );
      const sound = await body(
        api.POST('/api/v1/recordings/{id}/sound', { params: { path }, body: { token: grant.token }, parseAs: 'blob' }),
      );
      return sound as unknown as Blob;
    },
    // Whatever was wrong: the challenge is used up.
    onError: () => {
      setSignature('');
      setCode('');
      void challenge.refetch();
    },
  });
  const url = useObjectURL(listen.data);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('recordings.access.title')}
      size="lg"
      closeButtonProps={useCloseLabel()}
      closeOnClickOutside={false}
    >
      <Stack gap="md">
        <Text size="sm">{t('recordings.access.lead')}</Text>
        {challenge.error && <ErrorNotice error={challenge.error} onRetry={challenge.refetch} />}
        {listen.error && <ErrorNotice error={listen.error} />}
        {url ? (
          // biome-ignore lint/a11y/useMediaCaption: a recorded call has no captions
          <audio controls autoPlay src={url} style={{ width: '100%' }} aria-label={t('recordings.access.sound')} />
        ) : (
          challenge.data && (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                listen.mutate();
              }}
            >
              <Stack gap="md">
                <div>
                  <Group justify="space-between">
                    <Text size="sm" fw={600}>
                      {t('recordings.access.challenge')}
                    </Text>
                    <CopyButton value={challenge.data.message}>
                      {({ copied, copy }) => (
                        <Button variant="subtle" size="compact-sm" onClick={copy}>
                          {copied ? t('recordings.access.copied') : t('recordings.access.copy')}
                        </Button>
                      )}
                    </CopyButton>
                  </Group>
                  <code style={{ overflowWrap: 'anywhere', fontSize: 12 }}>{challenge.data.message}</code>
                  <Text size="xs" className="quiet">
                    {t('recordings.access.until')} <DateTime time={challenge.data.until} short />
                  </Text>
                </div>
                <Textarea
                  label={t('recordings.access.signature')}
                  description={t('recordings.access.signatureHint')}
                  autosize
                  minRows={2}
                  required
                  value={signature}
                  onChange={(event) => setSignature(event.currentTarget.value)}
                />
                <div>
                  <Text size="sm" fw={500} mb={4}>
                    {t('recordings.access.code')}
                  </Text>
                  <PinInput
                    length={6}
                    type="number"
                    oneTimeCode
                    aria-label={t('recordings.access.code')}
                    value={code}
                    onChange={setCode}
                  />
                </div>
                <Group justify="flex-end">
                  <Button type="submit" loading={listen.isPending} disabled={!signature || code.length < 6}>
                    {t('recordings.access.listen')}
                  </Button>
                </Group>
              </Stack>
            </form>
          )
        )}
      </Stack>
    </Modal>
  );
}

/** An address of sound in memory, which goes with the box. */
function useObjectURL(blob: Blob | undefined) {
  const [url, setURL] = useState<string>();
  useEffect(() => {
    if (!blob) return;
    const made = URL.createObjectURL(blob);
    setURL(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}
