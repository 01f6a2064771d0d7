import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useSyncExternalStore } from 'react';
import type { PhoneState } from './machine';
import type { Phone } from './phone';
import { readDevices } from './settings';

const PhoneContext = createContext<Phone | null>(null);

/** Makes a phone available below and plays what it hears. Starts it on mount and stops it on unmount. */
export function PhoneProvider({ phone, children }: { phone: Phone; children: ReactNode }) {
  useEffect(() => {
    phone.start();
    return () => phone.stop();
  }, [phone]);
  return (
    <PhoneContext value={phone}>
      {children}
      <RemoteAudio phone={phone} index={0} name="call" />
      <RemoteAudio phone={phone} index={1} name="alerts" />
    </PhoneContext>
  );
}

export function usePhone(): Phone {
  const phone = useContext(PhoneContext);
  if (!phone) throw new Error('usePhone needs a PhoneProvider above it');
  return phone;
}

/** The phone where there is one: a supervisor without the agent's rights has none. */
export function useMaybePhone(): Phone | null {
  return useContext(PhoneContext);
}

export function usePhoneState<T>(select: (state: PhoneState) => T): T {
  const phone = usePhone();
  return useSyncExternalStore(phone.subscribe, () => select(phone.getState()));
}

/**
 * What the phone hears. Tests find the streams here: `audio[data-remote="call"]` carries the other party's audio (and whisper and countdown
 * where the server sends them on the call's stream), `audio[data-remote="alerts"]` the second stream; `srcObject` is the MediaStream.
 */
function RemoteAudio({ phone, index, name }: { phone: Phone; index: 0 | 1; name: string }) {
  const element = useRef<HTMLAudioElement>(null);
  const stream = useSyncExternalStore(
    phone.onStreams,
    useCallback(() => phone.streams[index], [phone, index]),
  );
  useEffect(() => {
    const play = () => {
      const audio = element.current;
      if (!audio) return;
      if (audio.srcObject !== stream) audio.srcObject = stream;
      if (!stream) return;
      const { speaker } = readDevices();
      if (speaker && 'setSinkId' in audio) audio.setSinkId(speaker).catch(() => undefined);
      audio.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === 'NotAllowedError') {
          phone.dispatch({ type: 'media', media: 'blocked' });
        }
      });
    };
    play();
    return phone.onStreams(play);
  }, [phone, stream]);
  // biome-ignore lint/a11y/useMediaCaption: a live telephone call has no caption track
  return <audio ref={element} data-remote={name} autoPlay hidden />;
}
