import { useEffect } from 'react';
import type { PhoneEvent, PhoneState } from '../phone/machine';
import { usePhone } from '../phone/react';

/** Alt with a letter works on every screen and while typing: an offer must not need the mouse. */
export function Shortcuts() {
  const phone = usePhone();
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      const state = phone.getState();
      if (!state.offer && !state.call) return;
      const act = eventFor(event.code, state);
      if (!act) return;
      event.preventDefault();
      phone.dispatch(act);
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [phone]);
  return null;
}

// By the key's place, not its letter: Alt changes the letter on a Mac.
function eventFor(code: string, state: PhoneState): PhoneEvent | null {
  switch (code) {
    case 'KeyA':
      return { type: 'accept' };
    case 'KeyD':
      return { type: 'decline' };
    case 'KeyM':
      return { type: 'mute', muted: !state.muted };
    case 'KeyH':
      return { type: 'hold', held: state.call?.state !== 'held' };
    case 'KeyR':
      return { type: 'redact', on: state.call?.recording !== 'paused' };
    case 'KeyB':
      return { type: 'join' };
    case 'KeyX':
      return { type: 'hangup' };
    default:
      return null;
  }
}
