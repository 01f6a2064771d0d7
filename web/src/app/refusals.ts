import { useEffect } from 'react';
import { Problem } from '../api/problem';
import type { Phone } from '../phone/phone';
import { notifyFailure } from '../ui/notify';

// What the screen shows already, and what a click just too late is told.
const passing = new Set(['no_call', 'no_wrap_up', 'node_stopping', 'offer_gone', 'session_over', 'session_taken']);

/** Says in a corner what the server has not done that was asked of it over the telephone's connection. */
export function useRefusals(phone: Phone): void {
  useEffect(() => {
    let before = phone.getState().lastError;
    return phone.subscribe(() => {
      const { lastError } = phone.getState();
      if (lastError && lastError !== before && !passing.has(lastError.code))
        notifyFailure(new Problem(409, lastError.code, lastError.message));
      before = lastError;
    });
  }, [phone]);
}
