#!/usr/bin/env bash
# Runs the tests of real nodes, as root: with an engine that has the images of `make containers`, and one more that holds the
# network of a pod. The tests are in namespaces of their own: bridges, rules of the firewall and mounts end with them.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/scripts/engine.sh
state=${HOUSING_CONTAINERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/california-housing}

fail() {
    echo "nodes: $*" >&2
    exit 1
}

leave() {
    docker image rm --force california-housing/pause >/dev/null 2>&1 || true
    stop_engine
}

trap leave EXIT
engine_answers || start_engine "$state"
docker image inspect california-housing/{server,gateway,monitor,trainer}:latest >/dev/null 2>&1 || fail "images are missing: make containers"
holder=$(docker create california-housing/gateway)
docker commit --change 'ENTRYPOINT ["sleep", "infinity"]' --change 'CMD []' "$holder" california-housing/pause >/dev/null
docker rm "$holder" >/dev/null
NODES=1 unshare --mount --net --propagation slave .venv/bin/pytest -q -s tests/e2e/test_real_nodes.py
