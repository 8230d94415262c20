#!/usr/bin/env bash
# Deploys a tag on one machine with Docker Compose, checks it, and goes back to the previous tag if it does not serve.
#
#   deploy/deploy.sh TAG                    on this machine, or where DOCKER_HOST says
#   deploy/deploy.sh TAG --host USER@HOST   copies the files that Compose reads to ~/california-housing there, and runs there
#
# Images are HOUSING_IMAGE_PREFIX + server, monitor and trainer, as docker.io/you/california-housing-; they are
# pulled unless HOUSING_PULL=no. COMPOSE_PROFILES=full deploys all services. The first deployment trains; later ones
# leave the registry alone. HOUSING_DEPLOY_SECONDS (180) is the patience for services to become healthy.
# Over SSH these variables go along where they are set; all other settings are in ~/california-housing/.env there. The
# host may be ssh://USER@HOST:PORT. One deployment runs at a time there, to its end even if the connection breaks, and
# its log is ~/california-housing/deploy.log.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    echo "usage: deploy/deploy.sh TAG [--host USER@HOST]" >&2
    exit 2
}

say() {
    echo "deploy: $*"
}

# For any shell: what bash makes of several lines, only bash reads.
quoted() {
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

[[ ${1:-} =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] || usage
tag=$1
patience=${HOUSING_DEPLOY_SECONDS:-180}
# What an upgrade replaces, in this order: what is called before what calls it.
services=(mlflow server monitor retrainer)

files=(docker-compose.yml deploy/deploy.sh deploy/postgres deploy/scripts/check_service.py monitoring/prometheus
    monitoring/alertmanager monitoring/grafana docs/runbook.md)

# Runs on the other machine: takes the files from its input, keeps those that they replace in .previous, and deploys.
receive() {
    local tag=$1 path
    shift
    mkdir -p california-housing && cd california-housing || return 1
    exec 9>.deploying
    flock --nonblock 9 || {
        echo "deploy: another deployment runs on this machine" >&2
        return 1
    }
    rm -rf .previous && mkdir .previous || return 1
    for path in "$@"; do
        [ ! -e "$path" ] || cp --archive --parents "$path" .previous || return 1
    done
    tar --extract --gzip || return 1
    : >deploy.log
    PREVIOUS_FILES=.previous deploy/deploy.sh "$tag" </dev/null >>deploy.log 2>&1 &
    tail --lines=+1 --follow --sleep-interval=0.2 --pid=$! deploy.log 9>&-
    wait $!
}

if [ "${2:-}" = --host ]; then
    [ $# = 3 ] || usage
    variables=
    for name in HOUSING_IMAGE_PREFIX HOUSING_PULL HOUSING_DEPLOY_SECONDS COMPOSE_PROFILES; do
        [ -z "${!name:-}" ] || variables+="export $name=$(quoted "${!name}"); "
    done
    tar --create --gzip "${files[@]}" | ssh "$3" "bash -c $(quoted "$variables$(declare -f receive); receive $tag ${files[*]}")"
    exit
fi
[ $# = 1 ] || usage
[ -n "${HOUSING_IMAGE_PREFIX:-}" ] || unset HOUSING_IMAGE_PREFIX

# Further files of Compose may be named by COMPOSE_FILE, and the project by COMPOSE_PROJECT_NAME.
compose() {
    if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

container() {
    compose ps --quiet "$1" 2>/dev/null | head -n 1
}

running_tag() {
    local id image
    id=$(container server)
    [ -n "$id" ] || return 0
    image=$(docker inspect --format '{{.Config.Image}}' "$id")
    echo "${image##*:}"
}

state() {
    docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$(container "$1")" 2>/dev/null
}

# Whether a service ends by itself, again and again; only a server that takes long to start deserves patience.
keeps_ending() {
    [ "$(docker inspect --format '{{.RestartCount}}' "$(container "$1")" 2>/dev/null || echo 0)" -gt 2 ]
}

healthy() {
    local service deadline=$((SECONDS + patience))
    for service in "$@"; do
        until [[ $(state "$service") =~ ^(healthy|running)$ ]]; do
            [ "$SECONDS" -lt "$deadline" ] || {
                say "$service is not healthy after $patience s" >&2
                return 1
            }
            ! keeps_ending "$service" || {
                say "$service ends by itself, again and again" >&2
                return 1
            }
            [ -z "$interrupted" ] || return 1
            sleep 1
        done
    done
}

# From inside the server's container, which has the key and the certificate that callers need.
answers() {
    docker exec --interactive --env HOUSING_CA_FILE=/app/tls/ca.pem --env HOUSING_API_KEY_FILE=/app/keys/admin.key \
        "$(container server)" python - --gateway https://localhost:8080 <deploy/scripts/check_service.py
}

# Makes what a new version trusts callers by and the last one did not know; keeps the rest.
first_start() {
    compose up --no-build --no-deps secrets >/dev/null
}

# put TAG SERVICES...: replaces containers one service after the other, and nothing that they depend on.
put() {
    local service
    export HOUSING_TAG=$1
    shift
    first_start || return 1
    for service in "$@"; do
        compose up --detach --no-build --no-deps "$service" || return 1
        healthy "$service" || return 1
    done
    answers
}

# Whoever interrupts an upgrade gets the previous version back; children end by the signal itself.
interrupted=
trap 'interrupted=yes' INT TERM HUP

previous=$(running_tag)
say "${previous:-nothing} -> $tag"
if [ "${HOUSING_PULL:-yes}" != no ]; then
    HOUSING_TAG=$tag compose pull --quiet
fi
if [ -z "$previous" ]; then
    export HOUSING_TAG=$tag
    compose up --detach --no-build && healthy server && answers || {
        say "$tag does not serve, and there is nothing to go back to" >&2
        exit 1
    }
    say "$tag serves"
    exit 0
fi
present=()
for service in "${services[@]}"; do
    [ -z "$(container "$service")" ] || present+=("$service")
done
if put "$tag" "${present[@]}"; then
    say "$tag serves"
    exit 0
fi
say "$tag does not serve: back to $previous" >&2
# Over SSH, the previous version's files as well. The one that runs now is replaced, not written to.
[ -z "${PREVIOUS_FILES:-}" ] || cp --archive --remove-destination "$PREVIOUS_FILES/." .
interrupted=
put "$previous" "${present[@]}" >&2 && say "$previous serves again" >&2
exit 1
