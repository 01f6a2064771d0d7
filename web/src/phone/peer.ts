export interface PeerEvents {
  offer: (sdp: string, restart: boolean) => void;
  candidate: (candidate: RTCIceCandidateInit | null) => void;
  state: (state: 'connecting' | 'connected' | 'interrupted') => void;
  /** The call's audio, and the second stream: whisper, alerts, a supervisor's voice. */
  track: (index: 0 | 1, stream: MediaStream) => void;
}

// After this long in "disconnected" the path is taken for gone (a Wi-Fi roam usually heals sooner).
const RESTART_AFTER = 3_000;

/**
 * The one long-lived RTCPeerConnection of a session. Only this side makes offers: one sendrecv audio for calls and one recvonly audio for
 * what the agent alone hears. Offers never overlap; a wish for another one waits for the answer and for gathering to end
 * (pion/webrtc#1367).
 */
export class Peer {
  private pc: RTCPeerConnection;
  private callSender: RTCRtpSender;
  private waiting: RTCIceCandidateInit[] = [];
  private wanted: 'none' | 'offer' | 'restart' = 'none';
  private offering = false;
  private healTimer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    microphone: MediaStreamTrack | null,
    iceServers: RTCIceServer[],
    private readonly events: PeerEvents,
  ) {
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    const call = this.pc.addTransceiver(microphone ?? 'audio', { direction: 'sendrecv' });
    const alerts = this.pc.addTransceiver('audio', { direction: 'recvonly' });
    this.callSender = call.sender;
    this.pc.ontrack = ({ transceiver, track }) => {
      const index = transceiver === alerts ? 1 : 0;
      this.events.track(index, new MediaStream([track]));
    };
    this.pc.onicecandidate = ({ candidate }) => this.events.candidate(candidate ? candidate.toJSON() : null);
    this.pc.onicegatheringstatechange = () => this.next();
    this.pc.onsignalingstatechange = () => this.next();
    this.pc.onconnectionstatechange = () => this.changed();
    this.pc.oniceconnectionstatechange = () => this.changed();
  }

  /** Asks for an offer; `restart` for fresh ICE credentials as well. */
  negotiate(restart: boolean): void {
    if (restart || this.wanted === 'none') this.wanted = restart ? 'restart' : 'offer';
    this.next();
  }

  /** The socket was gone for a while: an offer lost with it is made again, a path lost with it is looked for again. */
  async recover(): Promise<void> {
    if (this.pc.signalingState === 'have-local-offer') {
      await this.pc.setLocalDescription({ type: 'rollback' });
      this.offering = false;
      this.negotiate(true);
    } else if (!this.connected) {
      this.negotiate(true);
    }
  }

  async answer(sdp: string): Promise<void> {
    if (this.pc.signalingState !== 'have-local-offer') return;
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
    this.offering = false;
    for (const candidate of this.waiting.splice(0)) await this.pc.addIceCandidate(candidate);
    this.next();
  }

  async addCandidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    if (!candidate) return;
    if (this.pc.remoteDescription) await this.pc.addIceCandidate(candidate);
    else this.waiting.push(candidate);
  }

  async setMicrophone(track: MediaStreamTrack): Promise<void> {
    await this.callSender.replaceTrack(track);
  }

  setServers(iceServers: RTCIceServer[]): void {
    this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
  }

  stats(): Promise<RTCStatsReport> {
    return this.pc.getStats();
  }

  get connected(): boolean {
    return this.pc.connectionState === 'connected';
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.healTimer);
    this.pc.close();
  }

  private next(): void {
    if (this.closed || this.wanted === 'none' || this.offering || this.pc.signalingState !== 'stable') return;
    if (this.wanted === 'restart' && this.pc.iceGatheringState === 'gathering') return;
    const restart = this.wanted === 'restart';
    this.wanted = 'none';
    this.offering = true;
    void this.offer(restart).catch(() => {
      this.offering = false;
      if (!this.closed) this.events.state('interrupted');
    });
  }

  private async offer(restart: boolean): Promise<void> {
    if (restart) this.pc.restartIce();
    await this.pc.setLocalDescription(await this.pc.createOffer());
    if (!this.closed) this.events.offer(this.pc.localDescription?.sdp ?? '', restart);
  }

  private changed(): void {
    if (this.closed) return;
    clearTimeout(this.healTimer);
    switch (this.pc.connectionState) {
      case 'connected':
        this.events.state('connected');
        break;
      case 'disconnected':
        this.events.state('interrupted');
        this.healTimer = setTimeout(() => this.negotiate(true), RESTART_AFTER);
        break;
      case 'failed':
        this.events.state('interrupted');
        this.negotiate(true);
        break;
      case 'new':
      case 'connecting':
        this.events.state('connecting');
        break;
    }
  }
}
