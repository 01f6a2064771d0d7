import { api } from '../api/client';
import type { Language } from '../i18n';

/** Whether this browser can be pushed to; it cannot where the page came without encryption. */
export const canPush = (): boolean => 'serviceWorker' in navigator && 'PushManager' in window;

/** This browser's subscription, if it has one. */
export async function subscription(): Promise<PushSubscription | null> {
  if (!canPush()) return null;
  const registration = await navigator.serviceWorker.getRegistration('/');
  return (await registration?.pushManager.getSubscription()) ?? null;
}

export class PushRefused extends Error {}

/** Asks the person, then the browser's push service, then tells the server. To be called from a click. */
export async function subscribe(key: string, language: Language): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new PushRefused();
  await navigator.serviceWorker.register('/sw.js');
  const registration = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  let made: PushSubscription;
  try {
    made = await registration.pushManager.subscribe(options);
  } catch {
    // One that was made with an older key of the server stands in the way.
    await (await registration.pushManager.getSubscription())?.unsubscribe();
    made = await registration.pushManager.subscribe(options);
  }
  const { endpoint, keys } = made.toJSON();
  await api.POST('/api/v1/me/push-subscriptions', {
    body: { endpoint: endpoint ?? '', keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' }, language },
  });
}

/** Ends the pushes to this browser: at the server first, so that it never pushes into the void. */
export async function unsubscribe(): Promise<void> {
  const present = await subscription();
  if (!present) return;
  await api.POST('/api/v1/me/push-subscriptions/remove', { body: { endpoint: present.endpoint } });
  await present.unsubscribe();
}
