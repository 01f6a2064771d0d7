import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../protocol';
import { AttachmentView } from './AttachmentView';
import { useStore, useTexts, useWidget } from './context';
import { Linked } from './Linked';
import { pieces } from './links';
import { fill } from './texts';
import type { Pending } from './thread';

/** What was said, the newest at the bottom; a screen reader hears what comes. */
export function Log() {
  const store = useStore();
  const { talk, language, typing } = useWidget();
  const t = useTexts();
  const box = useRef<HTMLDivElement>(null);
  const stick = useRef(true);
  const count = talk.messages.length + talk.pending.length;
  const toEnd = () => {
    const b = box.current;
    if (b && stick.current) b.scrollTop = b.scrollHeight;
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: it moves when something comes
  useLayoutEffect(toEnd, [count, typing]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it needs nothing that changes
  useEffect(() => {
    const b = box.current;
    if (!b) return;
    const watch = new ResizeObserver(toEnd); // the composer grows, or the telephone's keyboard comes
    watch.observe(b);
    const late = ['load', 'loadedmetadata']; // pictures and films get their height later
    for (const name of late) b.addEventListener(name, toEnd, true);
    return () => {
      watch.disconnect();
      for (const name of late) b.removeEventListener(name, toEnd, true);
    };
  }, []);
  const agent = talk.conversations[0]?.agent;
  let day = '';
  return (
    <div
      class="log"
      ref={box}
      role="log"
      aria-label={t.log}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keyboard
      tabIndex={0}
      onScroll={(e) => {
        const b = e.currentTarget;
        stick.current = b.scrollHeight - b.scrollTop - b.clientHeight < 60;
      }}
    >
      <p class="greeting">{store.config.texts[language]?.greeting || t.greeting}</p>
      {talk.messages.map((m) => {
        const d = dayOf(m.at, language, t.today);
        const head = d !== day && <p class="day">{d}</p>;
        day = d;
        return (
          <div key={m.client_id ?? m.id}>
            {head}
            <Bubble m={m} />
          </div>
        );
      })}
      {talk.pending.map((p) => (
        <Waiting key={p.client_id} p={p} />
      ))}
      {typing && <p class="typing">{fill(t.typing, { name: agent || t.someone })}</p>}
    </div>
  );
}

function dayOf(at: string, language: string, today: string): string {
  const date = new Date(at);
  if (date.toDateString() === new Date().toDateString()) return today;
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : language, { dateStyle: 'medium' }).format(date);
}

function Bubble({ m }: { m: Message }) {
  const store = useStore();
  const { language, talk } = useWidget();
  const t = useTexts();
  if (m.author === 'system' && m.code) {
    return <p class="event">{fill(t.system[m.code] ?? m.text, m.values ?? {})}</p>;
  }
  const last = talk.messages.at(-1);
  const name = m.mine ? t.you : m.name || (m.author === 'bot' ? t.bot : t.agent);
  const seen = m.mine && m.seq <= (talk.conversations.find((c) => c.id === m.conversation_id)?.read_seq ?? 0);
  const tick = m.mine && !m.unsent ? (seen ? t.read : t.sent) : '';
  const action = m.kind === 'action' ? actionIn(m.text) : '';
  const text = action ? m.text.replace(action, '').trim() : m.text; // its button leads there
  return (
    <article
      class={m.mine ? 'bubble mine' : 'bubble'}
      data-message={m.id}
      data-status={m.mine ? (seen ? 'read' : 'sent') : undefined}
    >
      <p class="who">{name}</p>
      {m.quote && <blockquote>{m.quote.text}</blockquote>}
      {m.unsent ? (
        <p class="gone">{t.unsent}</p>
      ) : (
        <>
          {m.attachments?.map((a) => (
            <AttachmentView key={a.id} a={a} />
          ))}
          {text && (
            <p class="text">
              <Linked text={text} />
            </p>
          )}
          {action && (
            <a class="primary action" href={action} target="_blank" rel="noopener">
              {t.action}
            </a>
          )}
          {m.options && m.options.length > 0 && (
            <div class="options">
              {m.options.map((o) => (
                <button
                  key={o.id}
                  type="button"
                  disabled={last?.id !== m.id}
                  onClick={() => store.say({ text: o.title, attachments: [], choice: o })}
                >
                  {o.title}
                </button>
              ))}
            </div>
          )}
        </>
      )}
      <p class="meta">
        <time dateTime={m.at}>{timeOf(m.at, language)}</time>
        {m.edited && ` · ${t.edited}`}
        {tick && (
          <span class={seen ? 'tick read' : 'tick'} role="img" aria-label={tick} title={tick}>
            {seen ? '✓✓' : '✓'}
          </span>
        )}
        {m.reactions?.map((r) => (
          <span key={`${r.ours}${r.emoji}`}>{r.emoji}</span>
        ))}
        {!m.unsent && (
          <button type="button" class="reply" aria-label={t.reply} title={t.reply} onClick={() => quote(m)}>
            ↩
          </button>
        )}
      </p>
    </article>
  );
}

/** The page of a SmartAction out of its message, with its host: customers' devices know us by that, and this frame may have another. */
function actionIn(text: string): string {
  for (const { href } of pieces(text)) {
    const url = href ? new URL(href) : null;
    if (url && /^\/a\/[\w-]+$/.test(url.pathname)) return url.href;
  }
  return '';
}

function quote(m: Message): void {
  dispatchEvent(
    new CustomEvent('tandem-quote', { detail: { id: m.id, text: m.text || m.attachments?.[0]?.name || '' } }),
  );
}

function timeOf(at: string, language: string): string {
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : language, { timeStyle: 'short' }).format(new Date(at));
}

function Waiting({ p }: { p: Pending }) {
  const store = useStore();
  const t = useTexts();
  return (
    <article class="bubble mine pending" data-pending={p.client_id}>
      <p class="who">{t.you}</p>
      {p.quote && <blockquote>{p.quote.text}</blockquote>}
      {p.attachments.map((a) => (
        <p key={a.id} class="file">
          {a.name}
        </p>
      ))}
      {p.text && (
        <p class="text">
          <Linked text={p.text} />
        </p>
      )}
      {p.failed ? (
        <p class="meta failed">
          {t.notSent}: {t.errors[p.failed] ?? t.errors.other}{' '}
          <button type="button" onClick={() => store.resend(p.client_id)}>
            {t.retry}
          </button>
          <button type="button" onClick={() => store.discard(p.client_id)}>
            {t.discard}
          </button>
        </p>
      ) : (
        <p class="meta">{t.sending}</p>
      )}
    </article>
  );
}
