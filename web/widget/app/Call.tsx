import { useEffect, useRef, useState } from 'preact/hooks';
import { Phone } from '../../src/phone/phone';
import { Aside } from './App';
import { useStore, useTexts } from './context';

/** A call from the page, with the same telephone as elsewhere. */
export function Call() {
  const store = useStore();
  const t = useTexts();
  const [phone, setPhone] = useState<Phone | null>(null);
  const [state, setState] = useState<'calling' | 'waiting' | 'talking' | 'ended' | 'microphone' | 'failed'>('calling');
  const [muted, setMuted] = useState(false);
  const voice = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const made = new Phone({
      url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
      persistent: false,
      credentials: () => Promise.resolve({ ...store.credentials(), customer: true }),
    });
    let started = false;
    let over = false; // what the telephone tells afterwards is not about the call
    const follow = () => {
      if (over) return;
      const s = made.getState();
      setMuted(s.muted);
      if (s.mediaFault) setState('microphone');
      else if (s.link === 'refused' || (s.lastError && !s.call)) setState('failed');
      else if (s.call?.state === 'talking' || s.call?.state === 'held') setState('talking');
      else if (s.call) setState(s.call.stage === 'waiting' ? 'waiting' : 'calling');
      if (!started && s.link === 'online' && (s.media === 'connecting' || s.media === 'connected')) {
        started = true;
        // Which number is called is the widget's settings' to say.
        made.dispatch({ type: 'startCall', number: 'widget' });
      }
    };
    const stops = [
      made.subscribe(follow),
      made.onCallEnded(() => {
        over = true;
        setState('ended');
      }),
      made.onStreams(() => {
        if (voice.current) voice.current.srcObject = made.streams[0];
      }),
    ];
    made.start();
    void made.goOnline();
    setPhone(made);
    return () => {
      for (const stop of stops) stop();
      made.dispatch({ type: 'hangup' });
      made.stop();
    };
  }, [store]);
  const text = {
    calling: t.calling,
    waiting: t.callWaiting,
    talking: t.callTalking,
    ended: t.callEnded,
    microphone: t.callMic,
    failed: t.callFailed,
  }[state];
  const live = state === 'calling' || state === 'waiting' || state === 'talking';
  return (
    <Aside title={t.call}>
      {/* biome-ignore lint/a11y/useMediaCaption: a call has no captions */}
      <audio ref={voice} autoplay data-remote="call" />
      <p role="status" data-call={state}>
        {text}
      </p>
      {live && (
        <div class="row">
          <button type="button" aria-pressed={muted} onClick={() => phone?.dispatch({ type: 'mute', muted: !muted })}>
            {muted ? t.unmute : t.mute}
          </button>
          <button type="button" class="danger" data-action="hangup" onClick={() => phone?.dispatch({ type: 'hangup' })}>
            {t.hangup}
          </button>
        </div>
      )}
    </Aside>
  );
}
