import { expect, test } from 'vitest';
import { estimateMOS, StatsMeter } from './stats';

function report(received: number, lost: number, delay: number, emitted: number): Map<string, Record<string, unknown>> {
  return new Map<string, Record<string, unknown>>([
    [
      'in',
      {
        type: 'inbound-rtp',
        packetsReceived: received,
        packetsLost: lost,
        jitter: 0.004,
        jitterBufferDelay: delay,
        jitterBufferEmittedCount: emitted,
      },
    ],
    [
      'pair',
      {
        type: 'candidate-pair',
        nominated: true,
        state: 'succeeded',
        localCandidateId: 'l',
        currentRoundTripTime: 0.03,
      },
    ],
    ['l', { type: 'local-candidate', candidateType: 'host' }],
    ['mic', { type: 'media-source', audioLevel: 0.25 }],
  ]);
}

test('totals become deltas', () => {
  const meter = new StatsMeter();
  meter.read(report(100, 1, 4, 80_000));
  expect(meter.read(report(350, 3, 14, 320_000))).toMatchObject({
    packets_received: 250,
    packets_lost: 2,
    jitter_ms: 4,
    jitter_buffer_ms: 0,
    round_trip_ms: 30,
    candidate: 'host',
    audio_level: 0.25,
  });
});

test.each([
  [500, 0, 20, 40, 4.3, 4.5],
  [475, 25, 60, 60, 3.3, 4],
  [400, 100, 300, 100, 1, 2.6],
])(
  '%i received, %i lost, %i ms and %i ms: between %f and %f',
  (packets_received, packets_lost, round_trip_ms, jitter_buffer_ms, low, high) => {
    const mos = estimateMOS({ packets_received, packets_lost, round_trip_ms, jitter_buffer_ms });
    expect(mos).toBeGreaterThanOrEqual(low);
    expect(mos).toBeLessThanOrEqual(high);
  },
);
