import { useEffect, useRef, useState } from 'preact/hooks';
import { useStore, useTexts, useWidget } from './context';
import { languageNames } from './texts';

const icons = {
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  close: 'M6 6l12 12M18 6L6 18',
};

export function Icon({ path }: { path: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export function Header() {
  const store = useStore();
  const state = useWidget();
  const t = useTexts();
  const own = store.config.texts[state.language];
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLFieldSetElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    menu.current?.querySelector<HTMLElement>('button')?.focus();
    const away = (e: MouseEvent) => {
      if (!menu.current?.contains(e.target as Node) && !button.current?.contains(e.target as Node)) setOpen(false);
    };
    addEventListener('mousedown', away);
    return () => removeEventListener('mousedown', away);
  }, [open]);
  const shut = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <header class="header">
      <h1>{own?.title || t.title}</h1>
      <button
        type="button"
        ref={button}
        class="icon"
        aria-label={t.menu}
        aria-haspopup="true"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon path={icons.more} />
      </button>
      <button type="button" class="icon" aria-label={t.close} onClick={() => store.close()} data-action="close">
        <Icon path={icons.close} />
      </button>
      {open && (
        <fieldset
          class="menu"
          ref={menu}
          aria-label={t.menu}
          onKeyDown={(e) => {
            if (e.key !== 'Escape') return;
            e.preventDefault();
            shut();
          }}
        >
          <MenuItems done={shut} />
        </fieldset>
      )}
    </header>
  );
}

function MenuItems({ done }: { done: () => void }) {
  const store = useStore();
  const state = useWidget();
  const t = useTexts();
  const { features, languages } = store.config;
  const current = state.talk.conversations[0];
  const { offering } = state.talk;
  // Outside the opening hours only what is chosen for the queue is on offer.
  const books =
    features.callback && (!offering || offering.open || offering.options.some((o) => o.kind === 'scheduled_call'));
  const item = (name: string, text: string, act: () => void, pressed?: boolean) => (
    <button
      type="button"
      data-action={name}
      aria-pressed={pressed}
      onClick={() => {
        act();
        done();
      }}
    >
      {text}
    </button>
  );
  return (
    <>
      {languages.length > 1 &&
        languages.map((l) => item(`language-${l}`, languageNames[l] ?? l, () => store.speak(l), state.language === l))}
      {item('sound', state.sound ? t.soundOn : t.soundOff, () => store.setSound(!state.sound), state.sound)}
      {state.agreed && books && item('callback', t.callback, () => store.set({ panel: 'callback' }))}
      {features.transcript && current && item('transcript', t.transcript, () => store.set({ panel: 'transcript' }))}
      {current &&
        current.state !== 'closed' &&
        item('end', t.end, () => {
          store.set({ panel: 'chat' }); // where it is asked how it was
          void store.end();
        })}
    </>
  );
}
