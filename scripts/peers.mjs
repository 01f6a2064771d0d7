#!/usr/bin/env node
// The same calls through Tandem, through Kamailio with rtpengine (user space), and through a bare relay, in turns in one run; prints medians.
// Usage: scripts/peers.mjs [ROUNDS]   (make bench-peers; docs/performance.md tells what the columns are)
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const tools = process.env.YARDSTICKS ?? join(root, "../shared/tools");
const rounds = Number(process.argv[2] ?? 3);
const cache = join(root, ".cache");
const far = "127.0.0.1:15090"; // where the demo's numbers 1900 and 1901 lead
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const say = (text) => console.log(`peers: ${text}`);

if (!existsSync(join(tools, "callbench"))) {
  say(`no load generator in ${tools}: set YARDSTICKS to the folder that has callbench and relayfloor; nothing is compared`);
  process.exit(0);
}
mkdirSync(cache, { recursive: true });
for (const tool of ["callbench", "relayfloor"]) execFileSync("go", ["build", "-o", join(cache, tool), "."], { cwd: join(tools, tool), stdio: "inherit" });

const work = mkdtempSync("/var/tmp/tandem-peers-"); // PostgreSQL's user must be able to enter it
execFileSync("chmod", ["711", work]);
const groups = [];

// start runs a program in a group of its own, so that its children are found and ended with it.
function start(command, args, env = {}) {
  const child = spawn(command, args, { detached: true, stdio: "ignore", env: { ...process.env, ...env } });
  child.on("error", (e) => say(`${command}: ${e.message}`));
  groups.push(child.pid);
  return child.pid;
}

// below are all processes that a process has started, and those that they have.
const below = (pid) => readdirSync("/proc").filter((p) => /^\d+$/.test(p) && parentOf(p) === pid).flatMap((p) => [Number(p), ...below(Number(p))]);
// fieldsOf is proc(5)'s stat of a process, from the third field on; nothing, once it has ended.
const fieldsOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  } catch {
    return [];
  }
};
const parentOf = (pid) => Number(fieldsOf(pid)[1]);
// spent is the processor time of processes in ms, with that of their children that have ended; USER_HZ is 100.
const spent = (pids) => pids.flatMap((p) => fieldsOf(p).slice(11, 15)).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);

const pidsOf = (group) => execFileSync("pgrep", ["-g", String(group)], { encoding: "utf8" }).trim().split("\n").join(",");
const present = (...programs) => programs.every((p) => (process.env.PATH ?? "").split(":").concat("/usr/sbin").some((d) => existsSync(join(d, p))));

async function tandem() {
  const pid = start(join(root, "bin/tandem"), ["serve", "--demo"], {
    TANDEM_HTTP_ADDR: "127.0.0.1:18080", TANDEM_SIP_UDP: "127.0.0.1:15060", TANDEM_SIP_TCP: "127.0.0.1:15060", TANDEM_WEBRTC_UDP: "127.0.0.1:15061",
    TANDEM_MEDIA_RTP_PORTS: "20000-29999", TANDEM_DATA_DIR: work, TANDEM_LOG_LEVEL: "error",
  });
  for (let i = 0; ; i++) {
    const answer = await fetch("http://127.0.0.1:18080/readyz").catch(() => null);
    if (answer?.ok) break;
    if (i === 600) throw new Error("bin/tandem does not start");
    await sleep(200);
  }
  await sleep(60_000); // it speaks the demo's prompts at first
  return { name: "Tandem", pids: () => String(pid), sip: "127.0.0.1:15060", recorded: true, database: () => below(pid) };
}

function kamailio() {
  if (!present("kamailio", "rtpengine")) {
    say("Kamailio and rtpengine are not here (Debian packages kamailio, rtpengine-daemon): going on without them");
    return null;
  }
  const config = join(work, "kamailio.cfg");
  writeFileSync(config, `#!KAMAILIO
debug=0
log_stderror=yes
listen=udp:127.0.0.1:15160
children=4
disable_tcp=yes
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:15223")
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("INVITE") && !has_totag()) {
    $ru = "sip:uas@${far}";
    t_on_reply("1");
  }
  if (is_method("INVITE|BYE|CANCEL")) rtpengine_manage("replace-origin ICE=remove");
  t_relay();
}
onreply_route[1] { if (has_body("application/sdp")) rtpengine_manage("replace-origin ICE=remove"); }
`);
  const rtp = start("rtpengine", ["--foreground", "--table=-1", "--interface=127.0.0.1", "--listen-ng=127.0.0.1:15223", "--port-min=40000", "--port-max=49999", "--num-threads=4", "--log-level=2"]);
  const sip = start("/usr/sbin/kamailio", ["-DD", "-E", "-f", config, "-P", join(work, "kamailio.pid"), "-Y", work, "-m", "256"]);
  return { name: "Kamailio + rtpengine", pids: () => `${pidsOf(rtp)},${pidsOf(sip)}`, sip: "127.0.0.1:15160" };
}

function bareRelay() {
  const pid = start(join(cache, "relayfloor"), ["-n", "400"]);
  return { name: "bare relay", pids: () => String(pid), fixed: true };
}

const calls = (n, user = "1900") => ({ n, user, args: ["-n", n, "-ramp", 40, "-hold", "15s"] });
const scenarios = [
  { name: "bridged, 100 calls", ...calls(100) },
  { name: "bridged, 400 calls", ...calls(400) },
  { name: "bridged and recorded, 100 calls", ...calls(100, "1901"), on: (s) => s.recorded },
  ...[50, 100, 200].map((rate) => ({
    name: `set-ups, ${rate} a second`, user: "1900", args: ["-talk", "1s", "-nomedia", "-n", 10 * rate, "-ramp", rate], on: (s) => s.sip,
  })),
];

const resident = (server) => server.pids().split(",").map((p) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${p}/status`, "utf8"))?.[1] ?? 0)).reduce((a, b) => a + b);

// measure runs the load generator once.
function measure(server, { name, user, args }) {
  const to = server.fixed ? ["-static", "12000,16000"] : ["-target", server.sip, "-user", user, "-uas", far];
  const database = server.database?.() ?? [];
  const before = spent(database);
  const line = execFileSync(join(cache, "callbench"), [...to, "-uac", "127.0.0.1:15970", "-rtpbase", "15972", "-pid", server.pids(), "-label", `${server.name}: ${name}`, "-json", ...args.map(String)], { encoding: "utf8" });
  appendFileSync(join(cache, "peers.jsonl"), line);
  const r = { ...JSON.parse(line), database: server.database ? spent(database) - before : 0 };
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  const late = r.ticks > 0 && r.late_ticks > r.ticks / 100;
  say(`${r.label}: ${figures(r)}${late ? ", the generator was late" : ""} (load ${load})`);
  return { ...r, late };
}

const figures = (r) => r.cpu_ms_per_call
  ? `${r.cpu_ms_per_call.toFixed(2)} ms of CPU a call${r.database ? ` (PostgreSQL ${(r.database / (r.calls + r.failed)).toFixed(2)} ms)` : ""}, ${r.failed} of ${r.calls + r.failed} failed, rung after ${r.wait_ms_p50.toFixed(1)} / ${r.wait_ms_p99.toFixed(1)} ms`
  : `${r.cpu_s_per_call_min.toFixed(3)} CPU-s per call-minute, delay ${r.lat_ms_p50.toFixed(2)} / ${r.lat_ms_p99.toFixed(2)} ms, loss ${r.loss_pct.toFixed(3)} %, ${r.failed} failed, ${r.kb_per_call.toFixed(0)} kB a call`;

function median(runs) {
  const middle = {};
  for (const key of Object.keys(runs[0])) middle[key] = runs.map((r) => r[key]).sort((a, b) => a - b)[Math.floor((runs.length - 1) / 2)];
  return middle;
}

try {
  rmSync(join(cache, "peers.jsonl"), { force: true });
  say("starting the servers");
  const servers = [await tandem(), kamailio(), bareRelay()].filter(Boolean);
  await sleep(2000);
  const results = new Map();
  for (const scenario of scenarios) {
    for (let round = 1; round <= rounds; round++) {
      for (const server of servers) {
        if (scenario.on && !scenario.on(server)) continue;
        const key = `${scenario.name} | ${server.name}`;
        results.set(key, [...(results.get(key) ?? []), measure(server, scenario)]);
        await sleep(3000);
      }
    }
  }
  const rest = 20_000 - rounds * (600 + 3500);
  if (rest > 0) measure(servers[0], { name: "to 20,000 calls", user: "1900", args: ["-talk", "1s", "-nomedia", "-n", rest, "-ramp", 50] });
  await sleep(60_000);
  console.log(`\nMedians of ${rounds} rounds, servers in turns:\n\n| case | server | figures | runs that count |\n|---|---|---|---|`);
  // A generator that ticks late bunches packets, which makes them cheap: such runs count only where there are no others.
  for (const [key, runs] of results) {
    const good = runs.filter((r) => !r.late);
    console.log(`| ${key} | ${figures(median(good.length > 0 ? good : runs))} | ${good.length} |`);
  }
  const metrics = await (await fetch("http://127.0.0.1:18080/metrics")).text();
  const heap = Number(/^go_memstats_heap_inuse_bytes (.*)$/m.exec(metrics)?.[1]);
  console.log(`\nTandem after 20,000 calls, none up: ${(resident(servers[0]) / 1000).toFixed(0)} MB resident, ${(heap / 1e6).toFixed(0)} MB of it heap in use`);
  writeFileSync(join(cache, "peers.metrics"), metrics);
} finally {
  for (const group of groups) {
    try {
      process.kill(group, "SIGTERM");
    } catch {} // it has ended by itself
  }
  await sleep(5000);
  for (const group of groups) {
    try {
      process.kill(-group, "SIGKILL");
    } catch {}
  }
  rmSync(work, { recursive: true, force: true });
}
