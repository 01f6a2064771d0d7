import { useCallback, useEffect, useRef } from 'react';
import { tellTyping } from './routes';
import type { Conversation } from './types';

// A sign of typing lasts longer than this on every platform; telling it more often would be noise.
const EVERY = 4_000;
// So long without a key is a pause.
const PAUSE = 5_000;

/** Tells the customer that somebody types, where the channel can; false, a pause or leaving tells that nobody does any more. */
export function useTellTyping(conversation: Conversation, on: boolean): (typing: boolean) => void {
  const told = useRef(0);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  const can = on && conversation.composer?.open === true && conversation.composer.traits.typing;
  const { id } = conversation;
  const stop = useCallback(() => {
    clearTimeout(pause.current);
    if (told.current === 0) return;
    told.current = 0;
    void tellTyping(id, false).catch(() => undefined); // losing a sign of life does no harm
  }, [id]);
  useEffect(() => stop, [stop]);
  return useCallback(
    (typing) => {
      if (!typing || !can) {
        stop();
        return;
      }
      clearTimeout(pause.current);
      pause.current = setTimeout(stop, PAUSE);
      const now = Date.now();
      if (now - told.current < EVERY) return;
      told.current = now;
      void tellTyping(id, true).catch(() => undefined);
    },
    [id, can, stop],
  );
}
