/** The level of what is heard. It listens beside the audio element and changes nothing of what that plays. */
export class Ear {
  private stream: MediaStream | null = null;
  private analyser: AnalyserNode | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private samples = new Float32Array(1024);

  constructor(private readonly context: () => AudioContext) {}

  /** RMS of the last 20 ms of the stream, 0…1; 0 while there is none. */
  level(stream: MediaStream | null): number {
    if (stream !== this.stream) this.follow(stream);
    if (!this.analyser) return 0;
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    return Math.sqrt(sum / this.samples.length);
  }

  close(): void {
    this.follow(null);
  }

  private follow(stream: MediaStream | null): void {
    this.source?.disconnect();
    this.source = null;
    this.analyser = null;
    this.stream = stream;
    if (!stream) return;
    const context = this.context();
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    this.source.connect(this.analyser);
  }
}
