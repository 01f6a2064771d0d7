import { useCallback, useEffect, useRef, useState } from 'react';
import { usePhone } from './react';

/** Plays one tone at a time, as it will ring; leaving the page ends it. playing is null in silence. */
export function useTonePlayer(): { playing: string | null; toggle: (tone: string) => void } {
  const phone = usePhone();
  const current = useRef<string | null>(null);
  const [playing, setPlaying] = useState<string | null>(null);
  useEffect(() => () => phone.endPreview(), [phone]);
  const toggle = useCallback(
    (tone: string) => {
      const set = (next: string | null) => {
        current.current = next;
        setPlaying(next);
      };
      if (current.current === tone) {
        phone.endPreview();
        set(null);
        return;
      }
      set(tone);
      phone.previewRing(tone, () => current.current === tone && set(null));
    },
    [phone],
  );
  return { playing, toggle };
}
