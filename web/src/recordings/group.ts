import type { Schema } from '../api/client';

export type Attachment = Schema['Attachment'];

// Parts of a recording are named rec_<recording>_p<part>_<digest>.wav by the recorder.
const PART = /^rec_([0-9a-f-]+)_p(\d+)_/;

/** What can be played: one list of parts for each recording, in their order. Other files are left out. */
export function groupRecordings(attachments: Attachment[]): Attachment[][] {
  const groups = new Map<string, Array<{ part: number; attachment: Attachment }>>();
  for (const attachment of attachments) {
    if (!isSound(attachment)) continue;
    const [, recording = attachment.id, part = '0'] = PART.exec(attachment.name) ?? [];
    groups.set(recording, [...(groups.get(recording) ?? []), { part: Number(part), attachment }]);
  }
  return [...groups.values()].map((parts) => parts.sort((a, b) => a.part - b.part).map((p) => p.attachment));
}

export function isSound(attachment: Attachment): boolean {
  return attachment.has_peaks || attachment.content_type.startsWith('audio/');
}
