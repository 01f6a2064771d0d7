import { useStore, useTexts, useWidget } from './context';
import { fill } from './texts';

/** Where one stands: connection, queue, who answers. */
export function Status() {
  const store = useStore();
  const state = useWidget();
  const t = useTexts();
  const lines: string[] = [];
  if (state.link === 'offline' || state.link === 'connecting')
    lines.push(state.link === 'offline' ? t.offline : t.connecting);
  else if (state.link === 'polling') lines.push(t.polling);
  const c = state.talk.conversations[0];
  if (c && c.state !== 'closed') {
    if (c.agent) lines.push(fill(t.talking, { name: c.agent }));
    else if (c.opens_at) lines.push(fill(t.opens, { at: when(c.opens_at, state.language) }));
    else if (c.waiting) {
      lines.push(c.position === 1 ? t.next : c.position ? fill(t.position, { n: c.position }) : t.waiting);
      if (c.wait_seconds !== undefined)
        lines.push(fill(t.wait, { time: fill(t.minutes, { n: Math.max(1, Math.round(c.wait_seconds / 60)) }) }));
    }
  }
  const canCall = store.config.features.call && state.talk.offering?.call;
  return (
    <div class="status" data-link={state.link}>
      <p role="status" data-state={c?.agent ? 'talking' : c?.waiting ? 'waiting' : (c?.state ?? 'none')}>
        {lines.join(' ')}
      </p>
      {canCall && (
        <button type="button" class="small" data-action="call" onClick={() => store.set({ panel: 'call' })}>
          {t.call}
        </button>
      )}
    </div>
  );
}

export function when(at: string, language: string): string {
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : language, {
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(new Date(at));
}
