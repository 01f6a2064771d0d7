import { expect, test } from 'vitest';
import { type Attachment, groupRecordings } from './group';

const attachment = (id: string, name: string, content_type = 'audio/wav'): Attachment => ({
  id,
  name,
  content_type,
  has_peaks: content_type === 'audio/wav',
  seconds: 1,
  size: 1,
  ticket_id: 't',
  created_at: '2026-11-21T12:00:00Z',
});

test('parts of a recording come together and in order, files are left out', () => {
  const groups = groupRecordings([
    attachment('b2', 'rec_0b_p2_aa.wav'),
    attachment('f', 'invoice.pdf', 'application/pdf'),
    attachment('a1', 'rec_0a_p1_bb.wav'),
    attachment('b10', 'rec_0b_p10_cc.wav'),
    attachment('b1', 'rec_0b_p1_dd.wav'),
    attachment('v', 'message.mp3', 'audio/mpeg'),
  ]);
  expect(groups.map((parts) => parts.map((p) => p.id))).toEqual([['b1', 'b2', 'b10'], ['a1'], ['v']]);
});
