/** What goes into one `rtc.stats` frame: deltas since the last one, times in milliseconds. */
export interface StatsReport {
  packets_received: number;
  packets_lost: number;
  packets_sent: number;
  jitter_ms: number;
  jitter_buffer_ms: number;
  concealed_samples: number;
  total_samples: number;
  round_trip_ms: number;
  remote_lost: number;
  audio_level: number;
  candidate: string;
  mos: number;
}

type Counters = Pick<
  StatsReport,
  'packets_received' | 'packets_lost' | 'packets_sent' | 'concealed_samples' | 'total_samples' | 'remote_lost'
> & { delay: number; emitted: number };

const zero: Counters = {
  packets_received: 0,
  packets_lost: 0,
  packets_sent: 0,
  concealed_samples: 0,
  total_samples: 0,
  remote_lost: 0,
  delay: 0,
  emitted: 0,
};

/** Turns getStats' totals into deltas. One per peer connection. */
export class StatsMeter {
  private last: Counters = zero;

  read(report: Iterable<[string, Record<string, unknown>]>): StatsReport {
    const now: Counters = { ...zero };
    let jitter = 0;
    let roundTrip = 0;
    let level = 0;
    let candidate = '';
    const all = new Map(report);
    for (const s of all.values()) {
      if (s.type === 'inbound-rtp') {
        now.packets_received += num(s.packetsReceived);
        now.packets_lost += num(s.packetsLost);
        now.concealed_samples += num(s.concealedSamples);
        now.total_samples += num(s.totalSamplesReceived);
        now.delay += num(s.jitterBufferDelay);
        now.emitted += num(s.jitterBufferEmittedCount);
        jitter = Math.max(jitter, num(s.jitter) * 1000);
      } else if (s.type === 'outbound-rtp') {
        now.packets_sent += num(s.packetsSent);
      } else if (s.type === 'remote-inbound-rtp') {
        now.remote_lost += num(s.packetsLost);
        roundTrip = Math.max(roundTrip, num(s.roundTripTime) * 1000);
      } else if (s.type === 'media-source') {
        level = Math.max(level, num(s.audioLevel));
      } else if (s.type === 'candidate-pair' && s.nominated === true && s.state === 'succeeded') {
        candidate = String(all.get(String(s.localCandidateId))?.candidateType ?? '');
        roundTrip ||= num(s.currentRoundTripTime) * 1000;
      }
    }
    const d = (key: keyof Counters) => Math.max(0, now[key] - this.last[key]);
    const emitted = d('emitted');
    const result = {
      packets_received: d('packets_received'),
      packets_lost: d('packets_lost'),
      packets_sent: d('packets_sent'),
      jitter_ms: round(jitter),
      jitter_buffer_ms: emitted > 0 ? round((d('delay') / emitted) * 1000) : 0,
      concealed_samples: d('concealed_samples'),
      total_samples: d('total_samples'),
      round_trip_ms: round(roundTrip),
      remote_lost: d('remote_lost'),
      audio_level: Math.round(level * 1000) / 1000,
      candidate,
    };
    this.last = now;
    return { ...result, mos: estimateMOS(result) };
  }
}

/** Mean opinion score from loss and delay by the E-model (ITU-T G.107), as for G.711 with concealment. */
export function estimateMOS(
  s: Pick<StatsReport, 'packets_received' | 'packets_lost' | 'round_trip_ms' | 'jitter_buffer_ms'>,
): number {
  const total = s.packets_received + s.packets_lost;
  const loss = total > 0 ? (100 * s.packets_lost) / total : 0;
  const delay = s.round_trip_ms / 2 + s.jitter_buffer_ms + 20;
  const delayImpairment = 0.024 * delay + (delay > 177.3 ? 0.11 * (delay - 177.3) : 0);
  const lossImpairment = (95 * loss) / (loss + 25.1);
  const r = Math.min(100, Math.max(0, 93.2 - delayImpairment - lossImpairment));
  const mos = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
  return Math.round(Math.min(4.5, Math.max(1, mos)) * 100) / 100;
}

function num(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
