/** A notification of the browser where the page is not seen; its click brings the page to the front. Returns what takes it away. */
export function notifyBrowser(title: string, body: string, tag: string, open?: () => void): () => void {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return () => undefined;
  const notification = new Notification(title, { body, tag });
  notification.onclick = () => {
    window.focus();
    notification.close();
    open?.();
  };
  return () => notification.close();
}
