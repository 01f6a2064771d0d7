#!/usr/bin/env bash
# Runs Go tests, and those few that failed once more: many have real peers (SIP phones, a browser, a CRM, PostgreSQL) on a machine that may be busy.
# What failed once is named at the end. A data race is a failure at once, and so are a leaked goroutine and more failures than a busy machine explains.
# Usage: scripts/gotest.sh FORMAT "PACKAGES" GO-TEST-FLAG...
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
format=$1 packages=$2
shift 2
again=$(mktemp)
trap 'rm -f "$again"' EXIT
status=0
"$("$root"/scripts/tooldir.sh)"/gotestsum --format "$format" --rerun-fails=1 --rerun-fails-max-failures=4 --rerun-fails-run-root-test \
  --rerun-fails-abort-on-data-race \
  --rerun-fails-report "$again" --packages "$packages" -- "$@" || status=$?
if [ -s "$again" ]; then
  echo '-- failed once, and were run again:'
  cat "$again"
fi
exit $status
