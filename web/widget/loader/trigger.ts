/** Whether a page's address fits a pattern; * stands for anything, and a pattern without a scheme is about the path. */
export function matches(pattern: string | undefined, href: string): boolean {
  if (!pattern) return true;
  const url = new URL(href);
  const text = pattern.includes('://') ? href : url.pathname + url.search;
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(text);
}

/** The first of the browser's languages that the widget speaks. */
export function pick(spoken: string[], wanted: readonly string[]): string {
  for (const w of wanted) {
    const found = spoken.find((s) => s === w.toLowerCase().split('-')[0]);
    if (found) return found;
  }
  return spoken[0] ?? 'en';
}

const texts = {
  en: {
    title: 'Chat',
    open: 'Open chat',
    close: 'Close chat',
    dismiss: 'Dismiss',
    unread: (n: number) => (n === 1 ? '1 new message' : `${n} new messages`),
  },
  zh: {
    title: '聊天',
    open: '打开聊天',
    close: '关闭聊天',
    dismiss: '关闭提示',
    unread: (n: number) => `${n} 条新消息`,
  },
};

export function words(language: string) {
  return language === 'zh' ? texts.zh : texts.en;
}
