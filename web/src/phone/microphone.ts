/** Speech above this RMS level (full scale 1) proves that a microphone works. */
export const PROOF_LEVEL = 0.01;

/** The microphone with its level meter; one per session, replaced track by track when the device changes. */
export class Microphone {
  stream: MediaStream | null = null;
  private analyser: AnalyserNode | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private samples = new Float32Array(512);

  constructor(private readonly context: () => AudioContext) {}

  get track(): MediaStreamTrack | null {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  async open(deviceId: string, processing: boolean): Promise<MediaStreamTrack> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        ...(deviceId ? { deviceId: { ideal: deviceId } } : {}),
        echoCancellation: processing,
        noiseSuppression: processing,
        autoGainControl: processing,
        channelCount: 1,
      },
    });
    this.close();
    this.stream = stream;
    const context = this.context();
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    this.source.connect(this.analyser);
    return stream.getAudioTracks()[0] as MediaStreamTrack;
  }

  /** RMS of the last 20 ms, 0…1; 0 while there is no microphone. */
  level(): number {
    if (!this.analyser) return 0;
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    return Math.sqrt(sum / this.samples.length);
  }

  setMuted(muted: boolean): void {
    if (this.track) this.track.enabled = !muted;
  }

  close(): void {
    this.source?.disconnect();
    this.source = null;
    this.analyser = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }
}
