import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from 'react';
import { useMe } from '../app/session';
import { usePhone } from '../phone/react';
import { Outbox, type Sending } from './outbox';
import { sendMessage } from './routes';

const OutboxContext = createContext<Outbox | null>(null);

/** Keeps what is on its way while other screens are shown, and over a reload. */
export function OutboxProvider({ children }: { children: ReactNode }) {
  const me = useMe().id;
  const phone = usePhone();
  const queries = useQueryClient();
  const outbox = useMemo(
    () =>
      new Outbox({
        send: async (message) => {
          await sendMessage(message);
          // It is shown as what is on its way until it is there as a message.
          await queries.invalidateQueries({ queryKey: ['messages', message.conversation] });
        },
        storage: localStorage,
        key: `tandem.outbox.${me}`,
        wait: (ms, then) => {
          const timer = setTimeout(then, ms);
          return () => clearTimeout(timer);
        },
      }),
    [me, queries],
  );
  useEffect(() => {
    const hurry = () => outbox.hurry();
    let online = phone.getState().link === 'online';
    const off = phone.subscribe(() => {
      const now = phone.getState().link === 'online';
      if (now && !online) hurry();
      online = now;
    });
    window.addEventListener('online', hurry);
    return () => {
      window.removeEventListener('online', hurry);
      off();
    };
  }, [outbox, phone]);
  return createElement(OutboxContext, { value: outbox }, children);
}

export function useOutbox(): Outbox {
  const outbox = useContext(OutboxContext);
  if (!outbox) throw new Error('useOutbox needs an OutboxProvider above it');
  return outbox;
}

/** What is on its way in a conversation. */
export function useSendings(conversation: string): Sending[] {
  const outbox = useOutbox();
  const all = useSyncExternalStore(outbox.subscribe, outbox.all);
  return useMemo(() => all.filter((m) => m.conversation === conversation), [all, conversation]);
}
