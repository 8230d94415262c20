# shellcheck shell=bash
# A machine to deploy to: this one, as an account that logs in over SSH on loopback, and whose home is a folder of its own.
# Sourced. Where OpenSSH is missing, or lets nobody in, `ssh` is a shell in that folder; under CI that is a failure.

sshd_pid=
made_run_folder=

# start_machine FOLDER SETTINGS: the folder gets `bin/ssh` for the host `machine`; SETTINGS is its .env.
start_machine() {
    local home=$1 deployed=$1/california-housing
    rm -rf "$home"
    mkdir -p "$home/bin" "$home/ssh" "$deployed/deploy"
    (umask 077 && printf '%s\n' "$2" >"$deployed/.env")
    # What only the check adds to the compose file: a deployment does not bring it along.
    cp -r deploy/scripts "$deployed/deploy"
    write_session "$home"
    if start_sshd "$home"; then
        say "deployments go over SSH, to $(id -un) on 127.0.0.1"
        return
    fi
    # CI has what it needs: there, this would hide that something is missing.
    if [ "${CI:-}" = true ]; then
        echo "nobody can log in over SSH here: see $home/ssh/log" >&2
        return 1
    fi
    say "nobody can log in over SSH here, so deployments go without it: see $home/ssh/log"
    printf '#!/bin/sh\nshift\nSSH_ORIGINAL_COMMAND=$* exec %q\n' "$home/ssh/session" >"$home/bin/ssh"
    chmod 755 "$home/bin/ssh"
}

# What runs for whoever logs in. As on another machine, no variable of this run is known but what finds Docker.
write_session() {
    {
        echo '#!/bin/sh'
        printf 'cd %q\n' "$1"
        # shellcheck disable=SC2016 # expanded by the session
        printf 'exec env -i PATH=%q HOME=%q %s sh -c "$SSH_ORIGINAL_COMMAND"\n' "$PATH" "$1" "${DOCKER_HOST:+$(printf 'DOCKER_HOST=%q' "$DOCKER_HOST")}"
    } >"$1/ssh/session"
    chmod 755 "$1/ssh/session"
}

start_sshd() {
    local folder=$1/ssh port sshd name
    sshd=$(PATH=$PATH:/usr/sbin command -v sshd) && command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || {
        echo "OpenSSH is not installed" >"$folder/log"
        return 1
    }
    port=$(free_port)
    for name in host_key user_key; do
        ssh-keygen -q -t ed25519 -N '' -f "$folder/$name" || return 1
    done
    cp "$folder/user_key.pub" "$folder/authorized_keys"
    echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$folder/host_key.pub")" >"$folder/known_hosts"
    cat >"$folder/sshd_config" <<EOF
ListenAddress 127.0.0.1:$port
HostKey $folder/host_key
AuthorizedKeysFile $folder/authorized_keys
AuthenticationMethods publickey
StrictModes no
PidFile none
ForceCommand $folder/session
EOF
    cat >"$folder/config" <<EOF
Host machine
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    IdentityFile $folder/user_key
    IdentitiesOnly yes
    UserKnownHostsFile $folder/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
EOF
    printf '#!/bin/sh\nexec %q -F %q "$@"\n' "$(command -v ssh)" "$folder/config" >"$1/bin/ssh"
    chmod 755 "$1/bin/ssh"
    if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then
        mkdir /run/sshd # where Debian's confines itself before anybody has logged in
        made_run_folder=yes
    fi
    setsid "$sshd" -D -f "$folder/sshd_config" -E "$folder/log" &
    sshd_pid=$!
    answers_ssh "$1"
}

answers_ssh() {
    local deadline=$((SECONDS + 20))
    until "$1/bin/ssh" machine true 2>>"$1/ssh/log"; do
        kill -0 "$sshd_pid" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

stop_machine() {
    [ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null || true
    [ -z "$made_run_folder" ] || rmdir /run/sshd || true
}
