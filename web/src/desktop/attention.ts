const FLASH = 1000;

/**
 * Draws the eye to the tab: title and icon change, back and forth every second, or once for those who want no motion. Returns what puts
 * them back.
 */
export function drawAttention(title: string, still: boolean): () => void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  const before = { title: document.title, icon: icon?.getAttribute('href') ?? '' };
  const show = (ringing: boolean) => {
    document.title = ringing ? title : before.title;
    icon?.setAttribute('href', ringing ? '/favicon-ringing.svg' : before.icon);
  };
  show(true);
  let ringing = true;
  const timer = still
    ? undefined
    : setInterval(() => {
        ringing = !ringing;
        show(ringing);
      }, FLASH);
  return () => {
    clearInterval(timer);
    show(false);
  };
}
