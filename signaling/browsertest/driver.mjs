// Drives one headless Chromium for a Go test: a JSON command a line on stdin, a JSON answer a line on stdout.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [web, audio, network] = process.argv.slice(2);
const { relayOnly, noUDP } = JSON.parse(network);
const { chromium } = createRequire(`${web}/package.json`)("playwright-core");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${audio}`,
    "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns",
    ...(noUDP ? ["--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--webrtc-ip-handling-policy=disable_non_proxied_udp"] : []),
    ...(relayOnly ? ["--ignore-certificate-errors"] : []),
  ],
});
const context = await browser.newContext({ permissions: ["microphone", "notifications"], viewport: { width: 1440, height: 900 }, ignoreHTTPSErrors: true });
const page = await context.newPage();
page.setDefaultTimeout(20000);
const problems = [];
page.on("pageerror", (e) => problems.push(String(e)));
page.on("console", (m) => m.type() === "error" && problems.push(m.text()));

// Every PeerConnection is kept, so that what arrives can be analysed without the page's help.
await page.addInitScript((relayOnly) => {
  const Native = window.RTCPeerConnection;
  window.testPeers = [];
  window.RTCPeerConnection = class extends Native {
    constructor(configuration, ...rest) {
      super(relayOnly ? { ...configuration, iceTransportPolicy: "relay" } : configuration, ...rest);
      window.testPeers.push(this);
    }
  };
}, relayOnly);

// hear measures what the browser receives: the strongest frequency, its level, and the received packets.
async function hear(ms) {
  return page.evaluate(async (ms) => {
    const pc = window.testPeers.findLast((p) => p.connectionState !== "closed");
    const track = pc?.getTransceivers()[0]?.receiver.track;
    if (!track) return { hz: 0, level: 0, packets: 0, state: pc?.connectionState ?? "none" };
    window.testEar ??= new AudioContext();
    await window.testEar.resume();
    const source = window.testEar.createMediaStreamSource(new MediaStream([track]));
    const analyser = window.testEar.createAnalyser();
    analyser.fftSize = 32768;
    analyser.smoothingTimeConstant = 0;
    source.connect(analyser);
    await new Promise((done) => setTimeout(done, ms));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const wave = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(wave);
    source.disconnect();
    const width = window.testEar.sampleRate / analyser.fftSize;
    let best = Math.ceil(150 / width);
    for (let i = best; i * width < 3400; i++) if (bins[i] > bins[best]) best = i;
    const [a, b, c] = [bins[best - 1], bins[best], bins[best + 1]];
    const shift = (a - c) / (2 * (a - 2 * b + c)) || 0;
    let sum = 0;
    for (const s of wave) sum += s * s;
    let packets = 0;
    for (const r of (await pc.getStats()).values()) if (r.type === "inbound-rtp") packets += r.packetsReceived;
    return { hz: (best + shift) * width, level: Math.sqrt(sum / wave.length), packets, state: pc.connectionState };
  }, ms);
}

// path is what the newest connection goes by.
async function path() {
  return page.evaluate(async () => {
    const stats = await window.testPeers.findLast((p) => p.connectionState === "connected")?.getStats();
    if (!stats) return {};
    const transport = [...stats.values()].find((s) => s.type === "transport" && s.selectedCandidatePairId);
    const pair = stats.get(transport?.selectedCandidatePairId);
    const local = stats.get(pair?.localCandidateId);
    return { kind: local?.candidateType ?? "", protocol: local?.relayProtocol ?? local?.protocol ?? "" };
  });
}

const commands = {
  goto: ({ url }) => page.goto(url),
  fill: ({ label, value }) => page.getByLabel(label).first().fill(value),
  click: ({ role, name, exact }) => page.getByRole(role, { name, exact: exact ?? false }).first().click(),
  press: ({ key }) => page.keyboard.press(key),
  see: ({ text, timeout }) => page.getByText(text).first().waitFor({ timeout: timeout ?? 20000 }),
  sees: async ({ text }) => page.getByText(text).first().isVisible(),
  gone: ({ text, timeout }) => page.getByText(text).first().waitFor({ state: "hidden", timeout: timeout ?? 20000 }),
  wait: ({ role, name, timeout }) => page.getByRole(role, { name }).first().waitFor({ timeout: timeout ?? 20000 }),
  hear: ({ ms }) => hear(ms ?? 800),
  path: () => path(),
  eval: ({ js }) => page.evaluate(js),
  reload: () => page.reload(),
  screenshot: ({ path }) => page.screenshot({ path }),
  problems: () => problems,
  text: () => page.locator("body").innerText(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, cmd, ...args } = JSON.parse(line);
  try {
    const value = await commands[cmd](args);
    process.stdout.write(`${JSON.stringify({ id, value: typeof value === "object" && value !== null && !Array.isArray(value) && value.constructor !== Object ? null : (value ?? null) })}\n`);
  } catch (e) {
    process.stdout.write(`${JSON.stringify({ id, error: String(e) })}\n`);
  }
}
await browser.close();
