#!/bin/sh
# Installs the load generators, ghz with Go and h2load as root through apt, and builds a server in Go to compare with.
# What cannot be installed is said here, and the benchmark that needs it then fails, saying so too.
set -u
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1 || [ -x ".tools/bin/$1" ]; }

if ! have ghz; then
    echo "building ghz"
    GOBIN="$PWD/.tools/bin" go install github.com/bojand/ghz/cmd/ghz@v0.120.0 ||
        echo "ghz is missing and cannot be built here: install Go, or ghz itself" >&2
fi

# Built again each time, which takes a moment: its source is ours.
echo "building go-no-op"
go build -C benchmarks/reference/go -trimpath -o "$PWD/.tools/bin/go-no-op" . ||
    echo "the server in Go is missing and cannot be built here: install Go; it is left out" >&2

if ! have h2load; then
    echo "installing nghttp2-client"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq -y --no-install-recommends nghttp2-client >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends nghttp2-client >/dev/null; } ||
        echo "h2load is missing and cannot be installed here: apt-get install nghttp2-client" >&2
fi
have ghz && have h2load
