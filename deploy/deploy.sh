#!/usr/bin/env bash
# Deploys a tag on one machine with Docker Compose, checks it, and goes back to the previous tag if it does not serve.
#
#   deploy/deploy.sh TAG                    on this machine, or where DOCKER_HOST says
#   deploy/deploy.sh TAG --host USER@HOST   copies the files that Compose reads to ~/california-housing there, and runs there
#
# Images are HOUSING_IMAGE_PREFIX + server, monitor and trainer, as docker.io/you/california-housing-; they are
# pulled unless HOUSING_PULL=no. COMPOSE_PROFILES=full deploys all services. The first deployment trains; later ones
# leave the registry alone. HOUSING_DEPLOY_SECONDS (180) is the patience for services to become healthy.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    echo "usage: deploy/deploy.sh TAG [--host USER@HOST]" >&2
    exit 2
}

say() {
    echo "deploy: $*"
}

[[ ${1:-} =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] || usage
tag=$1
patience=${HOUSING_DEPLOY_SECONDS:-180}
# What an upgrade replaces, in this order: what is called before what calls it.
services=(mlflow server monitor retrainer)

if [ "${2:-}" = --host ]; then
    [ $# = 3 ] || usage
    tar --create --gzip docker-compose.yml deploy/deploy.sh deploy/postgres deploy/scripts/check_service.py monitoring/prometheus \
        monitoring/alertmanager monitoring/grafana docs/runbook.md |
        ssh "$3" 'mkdir -p california-housing && tar --extract --gzip --directory california-housing'
    exec ssh "$3" "cd california-housing && HOUSING_IMAGE_PREFIX=$(printf %q "${HOUSING_IMAGE_PREFIX:-}") \
COMPOSE_PROFILES=$(printf %q "${COMPOSE_PROFILES:-}") HOUSING_DEPLOY_SECONDS=$(printf %q "$patience") deploy/deploy.sh $tag"
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

healthy() {
    local service deadline=$((SECONDS + patience))
    for service in "$@"; do
        until [[ $(state "$service") =~ ^(healthy|running)$ ]]; do
            [ "$SECONDS" -lt "$deadline" ] || {
                say "$service is not healthy after $patience s" >&2
                return 1
            }
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
put "$previous" "${present[@]}" >&2 && say "$previous serves again" >&2
exit 1
