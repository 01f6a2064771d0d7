import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { State, Store } from './store';
import { type Texts, textsOf } from './texts';

export const StoreContext = createContext<Store | null>(null);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error('no store');
  return store;
}

export function useWidget(): State {
  const store = useStore();
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state);
    return store.subscribe(() => setState(store.state));
  }, [store]);
  return state;
}

export function useTexts(): Texts {
  return textsOf(useWidget().language);
}

/** What a refusal means to people. */
export function errorText(t: Texts, error: unknown): string {
  const code = (error as { code?: string } | null)?.code ?? 'other';
  return t.errors[code] ?? t.errors.other ?? '';
}
