import JsSIP from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession';
import { type Invitation, Inviter, Registerer, type Session, SessionState, UserAgent, type Web } from 'sip.js';

// A web phone of either library that people use, for cmd/tandem's tests, which bundle this file into a page and drive it by `webPhone`. What has happened is
// in `said`.

interface Account {
  server: string;
  user: string;
  secret: string;
}

interface Phone {
  call(to: string): void;
  hangUp(): void;
  hold(on: boolean): void;
}

const realm = 'tandem';
const said: string[] = [];
const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const address = (user: string) => `sip:${user}@${realm}`;

/** Chromium decodes what a page plays, and nothing else. */
function play(connection: RTCPeerConnection) {
  connection.addEventListener('track', ({ track }) => {
    const element = document.body.appendChild(document.createElement('audio'));
    element.srcObject = new MediaStream([track]);
    void element.play();
  });
  connection.addEventListener('connectionstatechange', () => said.push(connection.connectionState));
}

/** Lets the page speak one codec alone, whatever the library: it offers no other, and hears of no other in what it is offered. */
function speak(codec: string) {
  const isIt = (name: string) => [codec, 'telephone-event'].includes(name.toLowerCase());
  const wanted = (RTCRtpSender.getCapabilities('audio')?.codecs ?? []).filter(({ mimeType }) =>
    isIt(mimeType.replace('audio/', '')),
  );
  const only = (sdp = '') => {
    const types = [...sdp.matchAll(/^a=rtpmap:(\d+) ([^/]+)/gm)].filter(([, , name]) => isIt(name ?? ''));
    const kept = types.map(([, type]) => type);
    return sdp
      .replace(/^(m=audio \d+ \S+).*$/m, `$1 ${kept.join(' ')}`)
      .replace(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) .*\r\n/gm, (line, type) => (kept.includes(type) ? line : ''));
  };
  const native = RTCPeerConnection.prototype;
  const createOffer: (options?: RTCOfferOptions) => Promise<RTCSessionDescriptionInit> = native.createOffer;
  native.createOffer = function (this: RTCPeerConnection, options?: RTCOfferOptions) {
    for (const line of this.getTransceivers()) line.setCodecPreferences(wanted);
    return createOffer.call(this, options);
  } as never;
  const setRemoteDescription: (description: RTCSessionDescriptionInit) => Promise<void> = native.setRemoteDescription;
  native.setRemoteDescription = function (this: RTCPeerConnection, { type, sdp }: RTCSessionDescriptionInit) {
    return setRemoteDescription.call(this, { type, sdp: only(sdp) });
  };
}

function jssip({ server, user, secret }: Account): Phone {
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(server)],
    uri: address(user),
    password: secret,
    register: true,
  });
  const media = { mediaConstraints: { audio, video: false } };
  let now: RTCSession | undefined;
  ua.on('registered', () => said.push('registered'));
  ua.on('registrationFailed', ({ cause }: { cause?: string }) => said.push(`not registered: ${cause}`));
  ua.on('newRTCSession', ({ session, originator }: { session: RTCSession; originator: string }) => {
    now = session;
    if (session.connection) play(session.connection);
    else session.on('peerconnection', ({ peerconnection }) => play(peerconnection));
    // SIP.js waits 5 s for candidates; JsSIP waits for the end of them, which does not come where networks come and go. The first will do.
    session.on('icecandidate', ({ ready }: { ready: () => void }) => ready());
    session.on('confirmed', () => said.push('talking'));
    session.on('ended', () => said.push('ended'));
    session.on('failed', ({ cause }: { cause: string }) => said.push(`failed: ${cause}`));
    if (originator === 'remote') {
      said.push(`rung by ${session.remote_identity.uri.user}`);
      session.answer(media);
    }
  });
  ua.start();
  return {
    call: (to) => ua.call(address(to), media),
    hangUp: () => now?.terminate(),
    hold: (on) => void (on ? now?.hold() : now?.unhold()),
  };
}

function sipjs({ server, user, secret }: Account): Phone {
  const media = { sessionDescriptionHandlerOptions: { constraints: { audio, video: false } } };
  const uri = (to: string) => UserAgent.makeURI(address(to)) as NonNullable<ReturnType<typeof UserAgent.makeURI>>;
  let now: Session | undefined;
  const follow = (session: Session) => {
    now = session;
    session.delegate = {
      onSessionDescriptionHandler: (handler) =>
        play((handler as Web.SessionDescriptionHandler).peerConnection as RTCPeerConnection),
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) said.push('talking');
      if (state === SessionState.Terminated) said.push('ended');
    });
  };
  const ua = new UserAgent({
    uri: uri(user),
    transportOptions: { server },
    authorizationUsername: user,
    authorizationPassword: secret,
    logLevel: 'error',
    delegate: {
      onInvite(invitation: Invitation) {
        said.push(`rung by ${invitation.remoteIdentity.uri.user}`);
        follow(invitation);
        void invitation.accept(media);
      },
    },
  });
  void ua.start().then(() =>
    new Registerer(ua).register({
      requestDelegate: {
        onAccept: () => said.push('registered'),
        onReject: ({ message }) => said.push(`not registered: ${message.statusCode}`),
      },
    }),
  );
  return {
    call: (to) => {
      const inviter = new Inviter(ua, uri(to), media);
      follow(inviter);
      void inviter.invite({
        requestDelegate: { onReject: ({ message }) => said.push(`failed: ${message.statusCode}`) },
      });
    },
    hangUp: () => void now?.bye(),
    hold: (hold) => {
      if (now) now.sessionDescriptionHandlerOptionsReInvite = { hold } as Web.SessionDescriptionHandlerOptions;
      void now?.invite();
    },
  };
}

Object.assign(window, { webPhone: { libraries: { jssip, sipjs }, speak, said, all: [] } });
