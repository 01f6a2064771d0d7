// The one script that a site embeds. It draws the launcher and, when it is opened, the frame with the widget's page, which is ours: nothing of
// what is said there can be read here. It needs no inline script or style: its style sheet is made by script.
import type { Attributes, Config, FromFrame, Identity, ToFrame } from '../protocol';
import { style } from './style';
import { matches, pick, words } from './trigger';

// The server replaces the text by the account's settings.
const config = '__TANDEM_CONFIG__' as unknown as Config;
const base = new URL((document.currentScript as HTMLScriptElement).src).origin;

type Listener = (data: unknown) => void;

interface Kept {
  fired: string[];
  visits: number;
  active: boolean;
}

const KEY = `tandem:${config.account}`;

function boot() {
  const listeners = new Map<string, Set<Listener>>();
  const off = new AbortController();
  let frame: HTMLIFrameElement | null = null;
  let ready = false;
  let open = false;
  let unread = 0;
  let identity: Identity | null = null;
  let attributes: Attributes = {};
  let language = pick(config.languages, navigator.languages);
  // Nothing is stored before the customer agrees, where that is asked for.
  let may = !config.consent;
  let kept: Kept = { fired: [], visits: 0, active: false };
  try {
    const found = localStorage.getItem(KEY);
    if (found) {
      kept = { ...kept, ...JSON.parse(found) };
      may = true;
    }
  } catch {}
  const keep = () => {
    if (!may) return;
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {}
  };
  const returning = kept.visits > 0;
  kept.visits++;
  keep();

  const host = document.createElement('div');
  host.dataset.tandem = config.account;
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style(config.color, config.position));
  root.adoptedStyleSheets = [sheet];
  const make = <K extends keyof HTMLElementTagNameMap>(tag: K, name: string, text = '') => {
    const e = document.createElement(tag);
    e.className = name;
    e.textContent = text;
    return e;
  };
  const launcher = make('button', 'launcher');
  launcher.type = 'button';
  launcher.part.add('launcher');
  const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  icon.setAttribute('viewBox', '0 0 24 24');
  icon.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  icon.append(path);
  const label = make('span', 'label');
  const badge = make('span', 'badge');
  launcher.append(icon, label, badge);
  const bubble = make('div', 'bubble');
  bubble.setAttribute('role', 'status');
  const panel = make('div', 'panel');
  root.append(panel, bubble, launcher);

  const emit = (name: string, data?: unknown) => {
    for (const f of listeners.get(name) ?? []) f(data);
  };
  const post = (m: ToFrame) => {
    if (ready) frame?.contentWindow?.postMessage({ tandem: m }, base);
  };

  const draw = () => {
    const w = words(language);
    launcher.setAttribute('aria-expanded', String(open));
    launcher.setAttribute('aria-label', (open ? w.close : w.open) + (unread ? `, ${w.unread(unread)}` : ''));
    path.setAttribute('d', open ? 'M5 8l7 8 7-8' : 'M4 5h16v11H9l-5 4z');
    label.textContent = open ? '' : (config.texts[language]?.launcher ?? '');
    badge.textContent = unread && !open ? String(Math.min(unread, 99)) : '';
    panel.classList.toggle('open', open);
    host.toggleAttribute('data-open', open);
  };

  const load = () => {
    if (frame) return;
    frame = document.createElement('iframe');
    frame.title = config.texts[language]?.title || words(language).title;
    frame.allow =
      'microphone; autoplay; clipboard-write; publickey-credentials-get; publickey-credentials-create; camera';
    frame.src = `${base}/widget/${config.account}/#${encodeURIComponent(location.origin)}`;
    panel.append(frame);
  };
  const unload = () => {
    frame?.remove();
    frame = null;
    ready = false;
  };
  const show = (on: boolean) => {
    if (open === on) return;
    open = on;
    say('');
    if (on) load();
    draw();
    post({ type: on ? 'open' : 'close' });
    if (on) frame?.focus();
    else launcher.focus();
    emit(on ? 'open' : 'close');
  };
  const say = (text: string) => {
    bubble.replaceChildren();
    bubble.classList.toggle('open', !!text);
    if (!text) return;
    const read = make('button', 'read', text);
    read.type = 'button';
    read.onclick = () => show(true);
    const away = make('button', 'away', '×');
    away.type = 'button';
    away.setAttribute('aria-label', words(language).dismiss);
    away.onclick = () => say('');
    bubble.append(read, away);
  };

  // The title of the page tells of what came while nobody looked.
  let title = '';
  const showTitle = () => {
    if (title && document.title.startsWith(title)) document.title = document.title.slice(title.length);
    title = unread && !open ? `(${unread}) ` : '';
    document.title = title + document.title;
  };

  const heard = (m: FromFrame) => {
    if (m.type === 'ready') {
      ready = true;
      post({ type: 'start', open, identity, attributes, language, known: may });
    } else if (m.type === 'close') show(false);
    else if (m.type === 'unread') {
      if (m.count > unread) emit('unread', m.count);
      unread = m.count;
      draw();
      showTitle();
    } else if (m.type === 'keep') {
      may = m.ok || !config.consent;
      kept.active = m.active;
      if (m.ok) keep();
      else
        try {
          localStorage.removeItem(KEY);
        } catch {}
    } else if (m.type === 'event') emit(m.name, m.data);
  };
  addEventListener(
    'message',
    (e) => {
      if (e.origin === base && frame && e.source === frame.contentWindow && e.data?.tandem) heard(e.data.tandem);
    },
    { signal: off.signal },
  );
  launcher.onclick = () => show(!open);

  const timers: ReturnType<typeof setTimeout>[] = [];
  const arm = () => {
    for (const t of timers.splice(0)) clearTimeout(t);
    for (const t of config.triggers) {
      if (kept.fired.includes(t.id) || (t.returning && !returning) || !matches(t.url, location.href)) continue;
      timers.push(
        setTimeout(
          () => {
            if (open || kept.fired.includes(t.id)) return;
            kept.fired.push(t.id);
            keep();
            emit('trigger', t.id);
            if (t.open) show(true);
            else say(t.messages?.[language] ?? Object.values(t.messages ?? {})[0] ?? '');
          },
          (t.seconds ?? 0) * 1000,
        ),
      );
    }
  };

  const api: Record<string, (...args: never[]) => unknown> = {
    open: () => show(true),
    close: () => show(false),
    toggle: () => show(!open),
    identify: (who: Identity) => {
      identity = who;
      post({ type: 'identify', identity: who });
    },
    logout: () => {
      identity = null;
      attributes = {};
      post({ type: 'logout' });
    },
    set: (more: Attributes & { language?: string }) => {
      const { language: chosen, ...rest } = more;
      if (chosen && config.languages.includes(chosen)) {
        language = chosen;
        draw();
        post({ type: 'language', language });
      }
      attributes = { data: { ...attributes.data, ...rest.data }, token: rest.token ?? attributes.token };
      if (rest.data || rest.token) post({ type: 'set', attributes: rest });
    },
    on: (name: string, f: Listener) => {
      const of = listeners.get(name) ?? new Set();
      listeners.set(name, of.add(f));
      if (name === 'ready') f(undefined);
      return () => of.delete(f);
    },
    off: (name: string, f: Listener) => listeners.get(name)?.delete(f),
    page: () => arm(),
    destroy: () => {
      for (const t of timers) clearTimeout(t);
      off.abort();
      unread = 0;
      showTitle();
      unload();
      host.remove();
      delete (window as { Tandem?: unknown }).Tandem;
    },
  };

  document.body.append(host);
  draw();
  arm();
  // Whoever is in a conversation sees at once that there is an answer.
  if (kept.active) load();
  return (name: string, ...args: never[]) => {
    const f = api[name];
    if (!f) throw new Error(`Tandem: there is no '${name}'`);
    return f(...args);
  };
}

type Queue = { q?: unknown[][] };
const w = window as unknown as { Tandem?: Queue };
const start = () => {
  const waiting = w.Tandem?.q ?? [];
  const tandem = boot();
  w.Tandem = tandem as Queue;
  // One that was made before us has been called meanwhile, in this order.
  for (const args of waiting) tandem(...(Array.from(args) as [string]));
  dispatchEvent(new Event('tandem:ready'));
};
if (w.Tandem === undefined || w.Tandem.q) {
  if (document.body) start();
  else addEventListener('DOMContentLoaded', start);
}
