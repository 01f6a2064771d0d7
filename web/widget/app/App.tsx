import type { FunctionComponent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { inkOn } from '../loader/style';
import { Callback } from './Callback';
import { Chat } from './Chat';
import { Consent } from './Consent';
import { useStore, useTexts, useWidget } from './context';
import { Header } from './Header';
import { Transcript } from './Transcript';

export function App() {
  const store = useStore();
  const state = useWidget();
  const t = useTexts();
  const { config } = store;
  useEffect(() => {
    const root = document.documentElement;
    root.lang = state.language === 'zh' ? 'zh-CN' : state.language;
    root.dataset.theme = config.theme;
    root.style.setProperty('--brand', config.color);
    root.style.setProperty('--ink', inkOn(config.color));
    document.title = config.texts[state.language]?.title || t.title;
  }, [config, state.language, t]);
  useEffect(() => {
    const away = (e: KeyboardEvent) => {
      if (e.key === 'Escape' && !e.defaultPrevented) store.close();
    };
    addEventListener('keydown', away);
    return () => removeEventListener('keydown', away);
  }, [store]);
  return (
    <div class="app">
      <Header />
      <Body />
    </div>
  );
}

function Body() {
  const state = useWidget();
  const t = useTexts();
  if (state.error) {
    return (
      <main class="notice">
        <p role="alert">{t.errors[state.error] ?? t.errors.other}</p>
      </main>
    );
  }
  if (!state.agreed) return <Consent />;
  if (state.panel === 'callback') return <Callback />;
  if (state.panel === 'transcript') return <Transcript />;
  if (state.panel === 'call') return <LateCall />;
  return <Chat />;
}

/** The telephone is loaded by those who call. */
function LateCall() {
  const t = useTexts();
  const [Call, setCall] = useState<FunctionComponent | null>(null);
  useEffect(() => {
    void import('./Call').then((m) => setCall(() => m.Call));
  }, []);
  return Call ? (
    <Call />
  ) : (
    <main class="notice">
      <p role="status">{t.connecting}</p>
    </main>
  );
}

/** A panel instead of the chat, with the way back; the first field has the focus. */
export function Aside(props: { title: string; children: preact.ComponentChildren }) {
  const store = useStore();
  const t = useTexts();
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    main.current?.querySelector<HTMLElement>('input,select,textarea,button')?.focus();
  }, []);
  return (
    <main class="aside" ref={main}>
      <h2>{props.title}</h2>
      {props.children}
      <button type="button" class="link" onClick={() => store.set({ panel: 'chat' })}>
        {t.back}
      </button>
    </main>
  );
}
