#!/usr/bin/env bash
# Runs a command beside a server with demo data of its own, on free ports and in a new folder, and stops the server afterwards.
# Usage: scripts/with-server.sh COMMAND [ARGUMENT...]      The command finds TANDEM_URL, TANDEM_SIP (address:port, UDP and TCP), and TANDEM_MAIL,
# the port on which the server looks for a mail server.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

free_port() { node -e 'const s=require("net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }

dir=$(mktemp -d)
chmod 711 "$dir" # PostgreSQL's own user passes through
server=
finish() {
  local status=$?
  if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
    kill -TERM "$server" # drains; a call that a failed test left behind would keep it for long
    (sleep 20; kill -KILL "$server") >/dev/null 2>&1 &
    local guard=$!
    wait "$server" 2>/dev/null || true
    kill "$guard" 2>/dev/null || true
  fi
  if [ $status != 0 ] && [ -e "$dir/log" ]; then
    mkdir -p "$root/.cache" && cp "$dir/log" "$root/.cache/server.log"
    if [ -z "${ready:-}" ]; then tail -n 40 "$dir/log"; fi # otherwise what the command said last is what matters
    echo "-- what the server said is in .cache/server.log" >&2
  fi
  rm -rf "$dir"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

http=$(free_port) sip=$(free_port) webrtc=$(free_port) mail=$(free_port)
TANDEM_HTTP_ADDR=127.0.0.1:$http TANDEM_SIP_UDP=127.0.0.1:$sip TANDEM_SIP_TCP=127.0.0.1:$sip TANDEM_WEBRTC_UDP=127.0.0.1:$webrtc \
  TANDEM_MEDIA_RTP_PORTS=40000-40999 TANDEM_DATA_DIR=$dir/data \
  TANDEM_MAIL_HOST=127.0.0.1 TANDEM_MAIL_PORT=$mail TANDEM_MAIL_TLS=none TANDEM_MAIL_FROM='Larkspur <help@demo.test>' "$root/bin/tandem" serve --demo >"$dir/log" 2>&1 &
server=$!

export TANDEM_URL=http://127.0.0.1:$http TANDEM_SIP=127.0.0.1:$sip TANDEM_MAIL=$mail
for _ in $(seq 300); do
  if ! kill -0 "$server" 2>/dev/null; then echo "the server ended before it was ready"; exit 1; fi
  if curl -fs -o /dev/null "$TANDEM_URL/healthz"; then ready=1; break; fi
  sleep 0.2
done
[ -n "${ready:-}" ] || { echo "the server did not become ready within a minute"; exit 1; }
"$@"
