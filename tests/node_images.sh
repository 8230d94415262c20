#!/usr/bin/env bash
# Writes the images that `make containers` has built into .tools/servers.tar and .tools/trainer.tar, for `make nodes`, with one
# more that holds the network of a pod.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/scripts/engine.sh
state=${HOUSING_CONTAINERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/california-housing}
servers=(california-housing/{server,gateway,monitor}:latest)

fail() {
    echo "nodes: $*" >&2
    exit 1
}

trap stop_engine EXIT
engine_answers || start_engine "$state"
docker image inspect "${servers[@]}" california-housing/trainer:latest >/dev/null 2>&1 || fail "images are missing: make containers"
holder=$(docker create california-housing/gateway)
docker commit --change 'ENTRYPOINT ["sleep", "infinity"]' --change 'CMD []' "$holder" california-housing/pause >/dev/null
docker rm "$holder" >/dev/null
docker save --output .tools/servers.tar "${servers[@]}" california-housing/pause:latest
docker save --output .tools/trainer.tar california-housing/trainer:latest
docker image rm california-housing/pause >/dev/null
