import { Button } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { fetchSound } from '../../api/client';
import { ErrorNotice } from '../../ui/ErrorNotice';
import type { Draft } from './settings';

/** Plays announcement and countdown as the agent will hear them, with the changes that are not saved yet. Without a queue: what all inherit. */
export function WhisperPreview({ queue, draft }: { queue?: string; draft: Draft }) {
  const { t } = useTranslation('admin');
  const audio = useRef<HTMLAudioElement | null>(null);
  const [playing, setPlaying] = useState(false);
  const stop = () => {
    if (audio.current) {
      audio.current.pause();
      URL.revokeObjectURL(audio.current.src);
      audio.current = null;
    }
    setPlaying(false);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when the page is left
  useEffect(() => stop, []);
  const play = useMutation({
    mutationFn: async () => {
      const { whisper, countdown } = draft.set;
      const path = queue ? `/api/v1/queues/${queue}/whisper-preview` : '/api/v1/queue-settings/whisper-preview';
      const sound = await fetchSound(path, {
        ...(whisper ? { whisper } : {}),
        ...(countdown === undefined ? {} : { countdown }),
      });
      stop();
      const next = new Audio(URL.createObjectURL(sound));
      next.onended = stop;
      audio.current = next;
      setPlaying(true);
      await next.play();
    },
  });
  // What would be inherited is known to the server only once it is saved.
  const unknown = draft.reset.includes('whisper') || draft.reset.includes('countdown');
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        mt={6}
        leftSection={playing ? <IconPlayerStop size={15} /> : <IconPlayerPlay size={15} />}
        disabled={unknown}
        title={unknown ? t('settings.whisperSaveFirst') : undefined}
        loading={play.isPending}
        data-preview="whisper"
        data-playing={playing}
        onClick={() => (playing ? stop() : play.mutate())}
      >
        {playing ? t('settings.whisperStop') : t('settings.whisperListen')}
      </Button>
      {play.error && <ErrorNotice error={play.error} />}
    </>
  );
}
