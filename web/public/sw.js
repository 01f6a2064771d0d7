// Shows what the server pushes while no page of Tandem is in front, and brings one to the front at a click.

self.addEventListener('push', (event) => {
  event.waitUntil(show(event.data));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(bring(event.notification.data?.path ?? '/'));
});

const pages = () => self.clients.matchAll({ type: 'window', includeUncontrolled: true });

async function show(data) {
  let notice = {};
  try {
    notice = data.json();
  } catch {
    // An empty push: browsers want something to be shown for it all the same.
  }
  // Who looks at a page of Tandem sees it there.
  if (notice.tag !== 'tandem-test' && (await pages()).some((page) => page.focused)) return;
  await self.registration.showNotification(notice.title ?? 'Tandem', {
    body: notice.body ?? '',
    tag: notice.tag ?? 'tandem',
    renotify: true,
    data: { path: notice.path },
  });
}

async function bring(path) {
  const page = (await pages())[0];
  // A page that is there may be in a call: it is shown as it is.
  if (page) await page.focus();
  else await self.clients.openWindow(path);
}
