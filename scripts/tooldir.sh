#!/usr/bin/env bash
# Prints the folder that holds the built Go tools for this checkout's tools/go.mod and this Go version.
set -euo pipefail
cd "$(dirname "$0")/.."
hash=$( (go env GOVERSION GOARCH; cat tools/go.mod tools/go.sum) | sha256sum | cut -c1-16)
printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tandem/tools/$hash"
