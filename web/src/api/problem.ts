/** An error answer of the API (RFC 9457 problem+json with a `code`), or of no API at all (code "network"). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Array<{ field: string; message: string }> = [],
  ) {
    super(message);
  }
}

interface ProblemBody {
  title?: string;
  detail?: string;
  code?: string;
  field?: string;
  errors?: Array<{ location?: string; message?: string }>;
}

/** Makes the Problem of an answer that was not OK. */
export function problemOf(status: number, body: unknown): Problem {
  const b = (typeof body === 'object' && body !== null ? body : {}) as ProblemBody;
  const fields = (b.errors ?? []).map((e) => ({
    field: (e.location ?? '').replace(/^body\./, ''),
    message: e.message ?? '',
  }));
  if (b.field && fields.length === 0) fields.push({ field: b.field, message: '' });
  return new Problem(status, b.code ?? `http_${status}`, b.detail ?? b.title ?? '', fields);
}
