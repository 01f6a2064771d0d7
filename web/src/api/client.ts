import createClient, { type Middleware } from 'openapi-fetch';
import { Problem, problemOf } from './problem';
import type { components, paths } from './schema';

export type Schema = components['schemas'];

// Told when the server no longer knows who we are, so that the shell can ask for the password again.
const signedOut = new Set<() => void>();

export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

// Errors are thrown, so that TanStack Query sees them; a fetch that reaches no server is a TypeError already.
const throwProblems: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return;
    const problem = problemOf(response.status, await response.json().catch(() => null));
    // A wrong password or code is refused with the same status.
    if (problem.code === 'unauthorized') for (const tell of signedOut) tell();
    throw problem;
  },
};

/** The typed client of the API: paths and bodies come from docs/openapi.json (`npm run types`). */
export const api = createClient<paths>({ baseUrl: '', credentials: 'same-origin' });
api.use(throwProblems);

/** The body of an answer that has one; errors were thrown before. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

/** Sends a file, alone or in a form, which the typed client has no words for. */
export async function upload<T>(path: string, data: FormData | File, method: 'POST' | 'PUT' = 'POST'): Promise<T> {
  const response = await fetch(path, { method, body: data, credentials: 'same-origin' });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, answer);
  return answer as T;
}

/** Asks for sound that the server makes from what is sent. */
export async function fetchSound(path: string, input: unknown): Promise<Blob> {
  const response = await fetch(path, {
    method: 'POST',
    body: JSON.stringify(input),
    headers: { 'Content-Type': 'application/json' },
    credentials: 'same-origin',
  });
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null));
  return response.blob();
}

export const isProblem = (error: unknown, code: string): boolean => error instanceof Problem && error.code === code;
