#!/bin/sh
# Installs hash-pinned locks into the environment of an image, from the index that pip is configured for, if any.
set -eu
index=$(pip config get global.index-url 2>/dev/null || true)
if [ -n "$index" ]; then
    export UV_DEFAULT_INDEX="$index"
fi
exec uv pip sync --require-hashes --compile-bytecode "$@"
