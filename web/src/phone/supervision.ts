import { useCallback, useEffect, useRef, useState } from 'react';
import { supervises } from './machine';
import type { SupervisionMode, SupervisionView } from './protocol';
import { usePhone, usePhoneState } from './react';

export interface Supervision {
  /** The call that is supervised, or was last (state `ended`, until dismissed); null for none. */
  view: SupervisionView | null;
  /** connecting or on. */
  active: boolean;
  /** False while the socket is away: nothing that is pressed then is sent. */
  ready: boolean;
  /** Listens to a call in a mode, or changes the mode where that call is supervised already; another call is left for it. */
  start: (call: string, mode: SupervisionMode, why?: string) => void;
  /** Changes the mode of the call at hand. `take_over` makes it this phone's own call: a `call` frame follows, and the supervision has ended. */
  change: (mode: SupervisionMode, why?: string) => void;
  /** Stops listening. */
  stop: () => void;
  /** Forgets a supervision that has ended. */
  dismiss: () => void;
}

/**
 * Supervision of other people's calls with this session's phone: one connection for all of them, one call at a time. What is heard plays
 * in the `call` audio element of PhoneProvider, so nothing needs rendering. Monitoring needs no microphone; coach, barge and take over ask for
 * it, so call `start` and `change` from a click.
 *
 *     const { view, active, start, change, stop } = useSupervision();
 *     <Button onClick={() => start(call.call_id, 'monitor')}>…</Button>
 *     {active && view?.call === call.call_id && <Button onClick={stop}>…</Button>}
 *
 * Needs `monitor:calls`, and `barge:calls` for everything beyond monitor; the server checks both again. An end that nobody asked for arrives as
 * view.state `ended` with view.cause (`call_ended`, `forbidden`, `lost`, … or the code of an error).
 */
export function useSupervision(): Supervision {
  const phone = usePhone();
  const view = usePhoneState((s) => s.supervision);
  const ready = usePhoneState((s) => s.link === 'online');
  const active = supervises(view);
  const call = view?.call;
  const start = useCallback(
    (id: string, mode: SupervisionMode, why?: string) => phone.dispatch({ type: 'supervise', call: id, mode, why }),
    [phone],
  );
  const change = useCallback(
    (mode: SupervisionMode, why?: string) => call && phone.dispatch({ type: 'supervise', call, mode, why }),
    [phone, call],
  );
  const stop = useCallback(() => phone.dispatch({ type: 'unsupervise' }), [phone]);
  const dismiss = useCallback(() => phone.dispatch({ type: 'dismissSupervision' }), [phone]);
  return { view, active, ready, start, change, stop, dismiss };
}

const LOOK_EVERY = 100;

/** RMS (0…1) of what this phone hears, ten times a second while `on`; for a level meter. */
export function useHeardLevel(on: boolean): number {
  const phone = usePhone();
  const [level, setLevel] = useState(0);
  const last = useRef(0);
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => {
      const now = phone.heardLevel();
      // Falls slowly, as meters do.
      last.current = Math.max(now, last.current * 0.7);
      setLevel(last.current);
    }, LOOK_EVERY);
    return () => {
      clearInterval(timer);
      last.current = 0;
      setLevel(0);
    };
  }, [phone, on]);
  return level;
}
