import { Problem, problemOf } from '../api/problem';
import type { components } from '../api/schema';

export type Page = components['schemas']['ActionPage'];
type Ceremony = components['schemas']['DeviceCeremony'];

/** The token of this page's address: /a/{token}. */
const token = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const path = `/api/v1/customer/actions/${encodeURIComponent(token)}`;
const stored = `tandem.action.${token}`;

// The key says that this browser opened the link first. A page in a frame hands it on to a window of its own behind the #, which no server sees.
let key = location.hash.slice(1) || read();
if (location.hash) {
  keep(key);
  history.replaceState(null, '', location.pathname);
}

function read(): string {
  try {
    return localStorage.getItem(stored) ?? '';
  } catch {
    return ''; // storage is blocked: the key lives as long as the page
  }
}

function keep(value: string): void {
  key = value;
  try {
    localStorage.setItem(stored, value);
  } catch {
    // as above
  }
}

/** The address of this page for another window of the same browser. */
export const ownWindow = () => `${location.pathname}#${key}`;

async function post<T>(what: string, body?: unknown): Promise<T> {
  const response = await fetch(`${path}/${what}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Tandem-Action-Key': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    credentials: 'omit',
  });
  const answer: unknown = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, answer);
  return answer as T;
}

let opening: Promise<Page> | undefined;

/** Opens the link; asked twice at the same time it is opened once. */
export function open(): Promise<Page> {
  opening ??= post<Page>('open')
    .then((page) => {
      if (page.key) keep(page.key);
      return page;
    })
    .finally(() => {
      opening = undefined;
    });
  return opening;
}

export const finish = (text = '') => post<null>('finish', { text });
export const decline = () => post<null>('decline');

/** Sends file number n; says how much of it has left, from 0 to 1. */
export function sendFile(n: number, file: Blob, progress: (part: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', `${path}/files/${n}`);
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.setRequestHeader('Tandem-Action-Key', key);
    request.upload.onprogress = (event) => event.total > 0 && progress(event.loaded / event.total);
    request.onerror = () => reject(new TypeError('the connection was lost'));
    request.onload = () => {
      if (request.status < 300) return resolve();
      let answer: unknown = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // no answer of ours; its status is enough
      }
      reject(problemOf(request.status, answer));
    };
    request.send(file);
  });
}

/** Has the device sign the server's nonce, registered before where it is not known; true once it has signed. */
export async function verify(another: boolean): Promise<boolean> {
  const ceremony = await post<Ceremony>('challenge', { another });
  const { publicKey } = ceremony.options as { publicKey: never };
  const credential = ceremony.register
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  const { done } = await post<{ done: boolean }>('response', {
    credential: (credential as PublicKeyCredential).toJSON(),
  });
  return done;
}

export const isInvalid = (error: unknown) => error instanceof Problem && error.code === 'link_invalid';

/** Tells the page around this one, if there is one, how far the customer is. */
export function tellParent(state: string): void {
  if (window.parent !== window) window.parent.postMessage({ type: 'tandem.action', state }, '*');
}

/** Whether this page is in a frame of another site, where browsers let no device sign. */
export function framedByOther(): boolean {
  if (window.top === window.self) return false;
  try {
    return window.top?.location.origin !== location.origin;
  } catch {
    return true;
  }
}
