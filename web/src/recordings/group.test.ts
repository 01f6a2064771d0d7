import { expect, test } from 'vitest';
import type { Schema } from '../api/client';
import { groupRecordings } from './group';

const attachment = (
  id: string,
  kind: Schema['Attachment']['kind'],
  call_id?: string,
  part?: number,
): Schema['Attachment'] => ({
  id,
  kind,
  call_id,
  part,
  name: id,
  content_type: 'audio/wav',
  seconds: 1,
  size: 1,
  at: '2026-11-21T12:00:00Z',
});

test('parts of a call come together and in order, files are left out', () => {
  const groups = groupRecordings([
    attachment('b2', 'recording', 'b', 2),
    attachment('f', 'file'),
    attachment('a1', 'recording', 'a', 1),
    attachment('b10', 'recording', 'b', 10),
    attachment('b1', 'recording', 'b', 1),
    attachment('v', 'voicemail', 'b'),
  ]);
  expect(groups.map((parts) => parts.map((p) => p.id))).toEqual([['b1', 'b2', 'b10'], ['a1'], ['v']]);
});
