import { api, body, type Schema } from '../api/client';
import { problemOf } from '../api/problem';
import { type Filter, savedOf } from './filter';
import type { Sending } from './outbox';
import type { Attachment } from './types';

// The routes of conversations, one function each.

export type SavedView = Schema['SavedView'];

const of = (id: string) => ({ params: { path: { id } } });
const ofMessage = (id: string, message: string) => ({ params: { path: { id, message } } });

export const listConversations = (filter: Filter, cursor: string, limit = 50) =>
  body(
    api.GET('/api/v1/conversations', {
      params: { query: { ...savedOf(filter), limit, ...(cursor ? { cursor } : {}) } },
      // The list of states is one value, with commas.
      querySerializer: { array: { style: 'form', explode: false } },
    }),
  );

export const getColleagues = () => body(api.GET('/api/v1/colleagues'));

/** The conversations of a contact, newest first. */
export const listOf = (contact: string) =>
  body(api.GET('/api/v1/conversations', { params: { query: { view: 'all', contact_id: contact, limit: 20 } } }));

export const getCounts = () => body(api.GET('/api/v1/conversations/counts'));
export const getConversation = (id: string) => body(api.GET('/api/v1/conversations/{id}', of(id)));
export const getMessages = (id: string, query: { before_seq?: number; after_rev?: number; limit: number }) =>
  body(api.GET('/api/v1/conversations/{id}/messages', { params: { path: { id }, query } }));
export const getSteps = (id: string) => body(api.GET('/api/v1/conversations/{id}/steps', of(id)));

/** Sends what the outbox has: the same client_id gives the same message. */
export async function sendMessage(m: Sending): Promise<void> {
  const { client_id, text, mentions, template } = m;
  const to = of(m.conversation);
  if (m.kind === 'note') {
    await api.POST('/api/v1/conversations/{id}/notes', { ...to, body: { client_id, text, mentions: mentions ?? [] } });
    return;
  }
  await api.POST('/api/v1/conversations/{id}/messages', {
    ...to,
    body: {
      client_id,
      text,
      attachments: m.attachments.map((a) => a.id),
      ...(m.quote ? { quote_id: m.quote.id } : {}),
      ...(template ? { template } : {}),
    },
  });
}

export const react = (id: string, message: string, emoji: string) =>
  api.PUT('/api/v1/conversations/{id}/messages/{message}/reaction', { ...ofMessage(id, message), body: { emoji } });
export const editMessage = (id: string, message: string, text: string) =>
  api.PATCH('/api/v1/conversations/{id}/messages/{message}', { ...ofMessage(id, message), body: { text } });
export const unsendMessage = (id: string, message: string) =>
  api.DELETE('/api/v1/conversations/{id}/messages/{message}', ofMessage(id, message));
export const retryMessage = (id: string, message: string) =>
  api.POST('/api/v1/conversations/{id}/messages/{message}/retry', ofMessage(id, message));
export const tellTyping = (id: string, on: boolean) =>
  api.POST('/api/v1/conversations/{id}/typing', { ...of(id), body: { on } });
export const markRead = (id: string, seq: number) =>
  api.POST('/api/v1/conversations/{id}/read', { ...of(id), body: { seq } });

export const accept = (id: string) => api.POST('/api/v1/conversations/{id}/accept', of(id));
export const decline = (id: string) => api.POST('/api/v1/conversations/{id}/decline', of(id));
export const take = (id: string) => api.POST('/api/v1/conversations/{id}/take', of(id));
export const reopen = (id: string) => api.POST('/api/v1/conversations/{id}/reopen', of(id));
export const transfer = (id: string, to: Schema['ConversationTransfer']) =>
  api.POST('/api/v1/conversations/{id}/transfer', { ...of(id), body: to });
export const snooze = (id: string, until: string | undefined) =>
  api.POST('/api/v1/conversations/{id}/snooze', { ...of(id), body: until ? { until } : {} });
export const close = (id: string, disposition: string, notes: string) =>
  api.POST('/api/v1/conversations/{id}/close', { ...of(id), body: { disposition, notes } });
export const end = (id: string, reason: string) =>
  api.POST('/api/v1/conversations/{id}/end', { ...of(id), body: { reason } });
export const assign = (id: string, agent: string) =>
  api.POST('/api/v1/conversations/{id}/assign', { ...of(id), body: { agent_id: agent } });
/** Says that one begins, or ends, to look on at another's conversation: it is written down before anything is shown. */
export const watch = (id: string, on: boolean) =>
  api.POST('/api/v1/conversations/{id}/watch', { ...of(id), body: { on } });
export const setPriority = (id: string, priority: number) =>
  api.PUT('/api/v1/conversations/{id}/priority', { ...of(id), body: { priority } });
export const setCollaborators = (id: string, agents: string[]) =>
  api.PUT('/api/v1/conversations/{id}/collaborators', { ...of(id), body: { agents } });
export const setTicket = (id: string, ticket: Schema['TicketLink']) =>
  api.POST('/api/v1/conversations/{id}/ticket', { ...of(id), body: ticket });

export const getCanned = () => body(api.GET('/api/v1/canned-responses'));
export const getTemplates = (account: string) => body(api.GET('/api/v1/channels/{id}/templates', of(account)));
export const getViews = () => body(api.GET('/api/v1/saved-views'));
export const addView = (view: Schema['ViewInput']) => body(api.POST('/api/v1/saved-views', { body: view }));
export const removeView = (id: string) => api.DELETE('/api/v1/saved-views/{id}', of(id));

export const attachmentURL = (id: string): string => `/api/v1/attachments/${id}`;
export const previewURL = (id: string): string => `/api/v1/attachments/${id}/preview`;

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
    request.open('POST', '/api/v1/attachments');
    request.send(form);
  });
}
