const FLASH = 1000;

// What the tab shows while nothing rings.
let calm = { title: '', icon: '/favicon.svg' };
let ringing = 0;

const icon = (): HTMLLinkElement | null => document.querySelector('link[rel=icon]');

function show(title: string, href: string): void {
  document.title = title;
  icon()?.setAttribute('href', href);
}

/** Says in the tab's title and icon how many messages are unread. */
export function showUnread(count: number): void {
  const name = (calm.title || document.title).replace(/^\(\d+\+?\) /, '');
  calm = {
    title: count > 0 ? `(${count > 99 ? '99+' : count}) ${name}` : name,
    icon: count > 0 ? '/favicon-unread.svg' : '/favicon.svg',
  };
  if (ringing === 0) show(calm.title, calm.icon);
}

/**
 * Draws the eye to the tab: title and icon change, back and forth every second, or once for those who want no motion. Returns what puts
 * them back.
 */
export function drawAttention(title: string, still: boolean): () => void {
  if (!calm.title) calm.title = document.title;
  ringing += 1;
  let loud = true;
  const ring = () => (loud ? show(title, '/favicon-ringing.svg') : show(calm.title, calm.icon));
  ring();
  const timer = still
    ? undefined
    : setInterval(() => {
        loud = !loud;
        ring();
      }, FLASH);
  return () => {
    clearInterval(timer);
    ringing -= 1;
    show(calm.title, calm.icon);
  };
}
