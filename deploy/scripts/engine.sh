# shellcheck shell=bash
# A Docker engine for the time of one run, on a machine that has Docker installed but no engine running. Sourced.
# It keeps its images and build cache in the state folder, and leaves the machine's network as it found it.

engine_pid=

engine_answers() {
    docker info >/dev/null 2>&1
}

# start_engine STATE_FOLDER
start_engine() {
    local state=$1
    command -v dockerd >/dev/null || fail "no Docker engine answers, and there is no dockerd to start (Debian: docker.io)"
    [ "$(id -u)" = 0 ] || fail "no Docker engine answers: start one, or run this as root to have one started"
    mkdir -p "$state"
    iptables-save >"$state/iptables"
    cat /proc/sys/net/ipv4/ip_forward >"$state/ip_forward"
    export DOCKER_HOST="unix://$state/docker.sock"
    # In a session of its own: Ctrl-C in a terminal signals the whole group, and what was started needs the engine to stop.
    setsid dockerd --host "$DOCKER_HOST" --data-root "$state/data" --exec-root "$state/run" --pidfile "$state/docker.pid" \
        >"$state/dockerd.log" 2>&1 &
    engine_pid=$!
    engine_state=$state
    until engine_answers; do
        kill -0 "$engine_pid" 2>/dev/null || fail "the Docker engine did not start: see $state/dockerd.log"
        sleep 0.2
    done
}

# Does nothing when start_engine did not start one.
stop_engine() {
    [ -n "$engine_pid" ] || return 0
    kill "$engine_pid"
    wait "$engine_pid" || true
    ip link delete docker0 2>/dev/null || true
    restore_iptables "$engine_state/iptables"
    cat "$engine_state/ip_forward" >/proc/sys/net/ipv4/ip_forward
}

restore_iptables() {
    local table
    for table in nat filter; do
        iptables --table "$table" --flush
        iptables --table "$table" --delete-chain
    done
    # The engine refuses forwarding by default; a machine without rules has no saved policy to go back to.
    iptables --policy FORWARD ACCEPT
    iptables-restore <"$1"
}
