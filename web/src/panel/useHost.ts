import { useEffect } from 'react';
import { api, body, type Schema } from '../api/client';
import { Problem } from '../api/problem';
import { inCall, type PhoneState } from '../phone/machine';
import type { Phone } from '../phone/phone';
import { type CallFacts, type Command, commandOf, factsOf, type Message, tell } from './bridge';

type Panel = Schema['Panel'];

const hostOf = (panel: Panel) => ({
  window: window.parent,
  // The demo's host page is one of ours.
  origins: [...panel.origins, window.location.origin],
});

/** Lets the page around the frame know of presence and calls, and does what it asks for. */
export function useHost(panel: Panel, phone: Phone | null): void {
  useEffect(() => {
    if (window.parent === window) return;
    const host = hostOf(panel);
    const say = (message: Message) => tell(host, message);
    const heard = (event: MessageEvent) => {
      const command = commandOf(event, host);
      if (command) obey(command, phone, say);
    };
    window.addEventListener('message', heard);
    say({ type: 'ready', signed_in: phone !== null });
    const unwatch = phone ? watch(phone, panel.numbers, say) : undefined;
    return () => {
      window.removeEventListener('message', heard);
      unwatch?.();
    };
  }, [panel, phone]);
}

function obey(command: Command, phone: Phone | null, say: (message: Message) => void): void {
  if (command.type === 'hello') {
    say({ type: 'ready', signed_in: phone !== null });
    return;
  }
  if (!phone) {
    say({ type: 'error', code: 'signed_out', message: 'Nobody is signed in to the panel.' });
    return;
  }
  switch (command.type) {
    case 'dial':
      if (command.queue_id) {
        void callCustomer(command.queue_id, command.number, say);
        break;
      }
      void phone.goOnline();
      phone.dispatch({ type: 'startCall', number: command.number });
      break;
    case 'answer':
      phone.dispatch({ type: 'accept' });
      break;
    case 'hangup':
      phone.dispatch({ type: phone.getState().offer ? 'decline' : 'hangup' });
      break;
    case 'open': {
      // With noopener there is nothing to tell a window by that was not opened.
      const opened = window.open(`/${command.record}s/${command.id}`, '_blank');
      if (opened) opened.opener = null;
      else say({ type: 'error', code: 'popup_blocked', message: 'The browser lets this page open no window.' });
      break;
    }
    case 'presence.set':
      if (command.presence === 'AVAILABLE') void phone.goOnline();
      phone.dispatch({ type: 'presence', presence: command.presence, reason: command.reason ?? '' });
  }
}

/** Calls on a queue's behalf, as the dialler does; the call itself is told of like any other. */
async function callCustomer(queue_id: string, number: string, say: (message: Message) => void): Promise<void> {
  try {
    await body(api.POST('/api/v1/calls', { body: { queue_id, number } }));
  } catch (failed) {
    const { code, message } =
      failed instanceof Problem ? failed : { code: 'network', message: 'The server does not answer.' };
    say({ type: 'error', code, message });
  }
}

/** Tells of what changes, once each. */
function watch(phone: Phone, numbers: boolean, say: (message: Message) => void): () => void {
  let before: Partial<PhoneState> = {};
  let talking = '';
  const look = () => {
    const now = phone.getState();
    if (now.agent !== before.agent && now.agent.id) {
      const { presence, reason, state } = now.agent;
      say({ type: 'presence', presence, ...(reason ? { reason } : {}), ...(state ? { state } : {}) });
    }
    if (now.offer?.call && now.offer.offer !== before.offer?.offer)
      void told('call.offered', now.offer.call, factsOf(now.offer.card, numbers));
    const call = inCall(now.call) ? now.call : null;
    if (call && call.id !== talking) void told('call.started', call.id, factsOf(call.card, numbers));
    if (talking && call?.id !== talking) void told('call.ended', talking, {});
    talking = call?.id ?? '';
    if (now.lastError && now.lastError !== before.lastError) say({ type: 'error', ...now.lastError });
    before = now;
  };
  const told = async (type: 'call.offered' | 'call.started' | 'call.ended', call: string, facts: CallFacts) =>
    say({ type, call_id: call, ...facts, ...(await recordsOf(call, type === 'call.ended')) });
  look();
  return phone.subscribe(look);
}

/** The call's contact and open tickets in the CRM, and its recording once it has ended; what is not known is left out. */
async function recordsOf(id: string, ended: boolean): Promise<CallFacts> {
  const params = { params: { path: { id } } };
  const known = await body(api.GET('/api/v1/calls/{id}/crm', params)).catch(() => null);
  const call = ended ? await body(api.GET('/api/v1/calls/{id}', params)).catch(() => null) : null;
  return {
    ...(known?.contact ? { contact_id: known.contact.id } : {}),
    ...(known?.tickets.length ? { ticket_ids: known.tickets.filter((one) => one.open).map((one) => one.id) } : {}),
    ...(call?.recording_id ? { recording_id: call.recording_id } : {}),
  };
}
