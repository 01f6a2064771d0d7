#!/usr/bin/env bash
# Runs the browser tests beside a server with demo data, and each file of which a test failed once more, beside a new server of its own: a real
# browser and a real server on a machine that may be busy. What failed once is named at the end; more than three files are a failure at once.
# Usage: scripts/e2e.sh [FILE...]      in web/e2e; without one, all
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/web"
result=$(mktemp)
trap 'rm -f "$result"' EXIT

run() { "$root/scripts/with-server.sh" npm run e2e -- --reporter=default --reporter=json --outputFile.json="$result" "$@"; }

if run "$@"; then exit 0; fi
mapfile -t failed < <(node -e '
  const { testResults } = JSON.parse(require("fs").readFileSync(process.argv[1] , "utf8") || "{\"testResults\":[]}");
  for (const file of testResults) if (file.status === "failed") console.log(require("path").relative(".", file.name));' "$result")
if [ ${#failed[@]} = 0 ] || [ ${#failed[@]} -gt 3 ]; then exit 1; fi
cp "$root/.cache/server.log" "$root/.cache/server-first.log" 2>/dev/null || true
for file in "${failed[@]}"; do
  echo "-- $file failed, and is run again alone"
  run "$file"
done
echo "-- failed once, and passed when run again: ${failed[*]}"
