import { api, body } from '../api/client';
import { problemOf } from '../api/problem';
import { type Filter, queryOf, type SavedFilter } from './filter';
import type { Sending } from './outbox';
import type { Attachment, CannedResponse, Conversation, Message, Step, Template } from './types';

// The routes of conversations, one function each.

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Call = (path: string, init?: { params?: object; body?: unknown }) => Promise<{ data?: unknown }>;
const untyped = api as unknown as Record<Method, Call>;

const base = '/api/v1';
const call = <T>(method: Method, path: string, init: { query?: object; body?: unknown } = {}): Promise<T> =>
  body(
    untyped[method](base + path, {
      ...(init.query ? { params: { query: init.query } } : {}),
      ...(init.body === undefined ? {} : { body: init.body }),
    }),
  ) as Promise<T>;

export interface PageOf<T> {
  items: T[];
  next_cursor: string;
}

export interface Counts {
  mine: number;
  unread: number;
  unassigned: number;
  mentions: number;
  ringing: Array<{ offer: string; item: string; queue: string; since: string; until: string }>;
}

export interface Colleague {
  id: string;
  name: string;
  presence: string;
  free: boolean;
}

export interface SavedView {
  id: string;
  name: string;
  shared: boolean;
  owner_id: string;
  filter: SavedFilter;
}

const of = (id: string) => `/conversations/${encodeURIComponent(id)}`;

export const listConversations = (filter: Filter, cursor: string, limit = 50) =>
  call<PageOf<Conversation>>('GET', '/conversations', {
    query: { ...queryOf(filter), limit, ...(cursor ? { cursor } : {}) },
  });

export const getColleagues = () => call<PageOf<Colleague>>('GET', '/colleagues');

/** The conversations of a contact, newest first. */
export const listOf = (contact: string) =>
  call<PageOf<Conversation>>('GET', '/conversations', { query: { view: 'all', contact_id: contact, limit: 20 } });

export const getCounts = () => call<Counts>('GET', '/conversations/counts');
export const getConversation = (id: string) => call<Conversation>('GET', of(id));
export const getMessages = (id: string, query: { before_seq?: number; after_rev?: number; limit: number }) =>
  call<PageOf<Message>>('GET', `${of(id)}/messages`, { query });
export const getSteps = (id: string) => call<PageOf<Step>>('GET', `${of(id)}/steps`);

/** Sends what the outbox has: the same client_id gives the same message. */
export function sendMessage(m: Sending): Promise<void> {
  if (m.kind === 'note')
    return call('POST', `${of(m.conversation)}/notes`, {
      body: { client_id: m.client_id, text: m.text, mentions: m.mentions ?? [] },
    });
  return call('POST', `${of(m.conversation)}/messages`, {
    body: {
      client_id: m.client_id,
      text: m.text,
      attachments: m.attachments.map((a) => a.id),
      ...(m.quote ? { quote_id: m.quote.id } : {}),
      ...(m.template ? { template: m.template } : {}),
    },
  });
}

export const react = (id: string, message: string, emoji: string) =>
  call('PUT', `${of(id)}/messages/${message}/reaction`, { body: { emoji } });
export const editMessage = (id: string, message: string, text: string) =>
  call('PATCH', `${of(id)}/messages/${message}`, { body: { text } });
export const unsendMessage = (id: string, message: string) => call('DELETE', `${of(id)}/messages/${message}`);
export const retryMessage = (id: string, message: string) => call('POST', `${of(id)}/messages/${message}/retry`);
export const tellTyping = (id: string, on: boolean) => call('POST', `${of(id)}/typing`, { body: { on } });
export const markRead = (id: string, seq: number) => call('POST', `${of(id)}/read`, { body: { seq } });

export const accept = (id: string) => call('POST', `${of(id)}/accept`);
export const decline = (id: string) => call('POST', `${of(id)}/decline`);
export const take = (id: string) => call('POST', `${of(id)}/take`);
export const reopen = (id: string) => call('POST', `${of(id)}/reopen`);
export const transfer = (id: string, to: { queue_id?: string; agent_id?: string; note: string }) =>
  call('POST', `${of(id)}/transfer`, { body: to });
export const snooze = (id: string, until: string | undefined) =>
  call('POST', `${of(id)}/snooze`, { body: until ? { until } : {} });
export const close = (id: string, disposition: string, notes: string) =>
  call('POST', `${of(id)}/close`, { body: { disposition, notes } });
export const end = (id: string, reason: string) => call('POST', `${of(id)}/end`, { body: { reason } });
export const assign = (id: string, agent: string) => call('POST', `${of(id)}/assign`, { body: { agent_id: agent } });
/** Says that one begins, or ends, to look on at another's conversation: it is written down before anything is shown. */
export const watch = (id: string, on: boolean) => call('POST', `${of(id)}/watch`, { body: { on } });
export const setPriority = (id: string, priority: number) => call('PUT', `${of(id)}/priority`, { body: { priority } });
export const setCollaborators = (id: string, agents: string[]) =>
  call('PUT', `${of(id)}/collaborators`, { body: { agents } });
export const setTicket = (
  id: string,
  ticket: { ticket_id: string } | { title: string; type: string; priority: string },
) => call('POST', `${of(id)}/ticket`, { body: ticket });

export const getCanned = () => call<PageOf<CannedResponse>>('GET', '/canned-responses');
export const getTemplates = (account: string) => call<PageOf<Template>>('GET', `/channels/${account}/templates`);
export const getViews = () => call<PageOf<SavedView>>('GET', '/saved-views');
export const addView = (view: Omit<SavedView, 'id' | 'owner_id'>) =>
  call<SavedView>('POST', '/saved-views', { body: view });
export const removeView = (id: string) => call('DELETE', `/saved-views/${id}`);

export const attachmentURL = (id: string): string => `${base}/attachments/${id}`;
export const previewURL = (id: string): string => `${base}/attachments/${id}/preview`;

/** Uploads a file and tells how far it is, 0…1. Its answer is the attachment that a message may carry. */
export function uploadAttachment(file: File, progress: (done: number) => void, signal: AbortSignal) {
  return new Promise<Attachment>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.set('file', file);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new TypeError('upload'));
    request.onabort = () => reject(new DOMException('upload', 'AbortError'));
    request.onload = () => {
      let answer: unknown = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // An answer of something in between: the status says it.
      }
      if (request.status < 300) resolve(answer as Attachment);
      else reject(problemOf(request.status, answer));
    };
    signal.addEventListener('abort', () => request.abort());
    request.open('POST', `${base}/attachments`);
    request.send(form);
  });
}
