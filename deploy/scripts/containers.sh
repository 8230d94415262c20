#!/usr/bin/env bash
# Builds the images, runs the whole service with Docker Compose, checks it from outside and stops it again.
#
#   deploy/scripts/containers.sh                build, run, check, stop
#   deploy/scripts/containers.sh --stand-ins    do not try to pull images: make them from Debian packages
#   deploy/scripts/containers.sh --keep         run on after the checks, until Ctrl-C
#   HOUSING_CONTAINERS_MODEL=$PWD/var/models/california-housing/4-... deploy/scripts/containers.sh
#                                               register that model, as the server has fetched it, instead of training
#
# Prints "passed" at the very end only; whatever else ends it, what went wrong, or by which signal it was interrupted.
# Needs docker with BuildKit, and `docker compose` or docker-compose. Root gets an engine for the time of the run when
# none answers. The service takes free ports of the loopback address unless HOUSING_*_PORT names others. Only what was
# started here is stopped; images and the build cache are kept for the next run.
set -Eeuo pipefail
cd "$(dirname "$0")/../.."
. deploy/scripts/engine.sh
. deploy/scripts/machine.sh
. deploy/scripts/stand_ins.sh

# Beside those of the profile `minimal`.
others=(monitor retrainer prometheus alertmanager)
images=(server gateway monitor trainer)
state=${HOUSING_CONTAINERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/california-housing}
machine=$state/machine
ca_bundle=${HOUSING_CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}
started=
follower=
broken=
finished=

say() {
    echo "containers: $*"
}

fail() {
    echo "containers: $*" >&2
    exit 1
}

# A newer docker without its buildx plugin cannot build with BuildKit; Debian's own can.
docker() {
    DOCKER_BUILDKIT=1 command "$docker_program" "$@"
}

find_docker() {
    for docker_program in docker /usr/bin/docker; do
        command -v "$docker_program" >/dev/null || continue
        if docker buildx version >/dev/null 2>&1 || [[ $(docker --version) == *" 20."* ]]; then
            return
        fi
    done
    fail "no docker that builds with BuildKit was found (Debian: docker.io; elsewhere: the buildx plugin)"
}

# With the files and settings of the machine that is deployed to.
compose() {
    if docker compose version >/dev/null 2>&1; then
        (cd "$machine/california-housing" && docker compose "$@")
    else
        (cd "$machine/california-housing" && docker-compose "$@")
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

choose_ports() {
    local name
    for name in GRPC GATEWAY METRICS MONITOR MLFLOW PROMETHEUS ALERTMANAGER GRAFANA; do
        name=HOUSING_${name}_PORT
        [ -n "${!name:-}" ] || export "$name=$(free_port)"
    done
}

# Certificates and the package index of the host are handed to the build, never into an image.
build_images() {
    local target options=(--network host --build-arg "GIT_COMMIT=$(git rev-parse HEAD 2>/dev/null || true)")
    [ ! -f /etc/pip.conf ] || options+=(--secret "id=pip_conf,src=/etc/pip.conf")
    [ ! -f "$ca_bundle" ] || options+=(--secret "id=ca_bundle,src=$ca_bundle")
    for target in "${images[@]}"; do
        say "building california-housing/$target"
        docker build "${options[@]}" --target "$target" --tag "california-housing/$target" .
    done
}

follow_training() {
    local container=
    until [ -n "$container" ]; do
        sleep 1
        container=$(compose ps --quiet trainer 2>/dev/null) || true
    done
    docker logs --follow "$container" 2>&1
}

health() {
    docker inspect --format '{{.State.Health.Status}}' "$(compose ps --quiet "$1")"
}

# Compose returns when the containers have started; their own health checks say when they are ready.
wait_until_healthy() {
    local service deadline=$((SECONDS + 240))
    for service in "$@"; do
        until [ "$(health "$service")" = healthy ]; do
            [ "$SECONDS" -lt "$deadline" ] || fail "$service is not healthy after 240 s"
            sleep 1
        done
        say "$service is healthy"
    done
}

# Key and certificate, from where the first start has put them; without a key nobody is admitted, and nothing is plaintext.
check_door() {
    local gateway=127.0.0.1:$HOUSING_GATEWAY_PORT code name
    for name in keys/admin.key tls/ca.pem; do
        compose exec -T server cat "/app/$name" >"$state/$(basename "$name")"
    done
    chmod 600 "$state/admin.key"
    export HOUSING_CA_FILE=$state/ca.pem HOUSING_API_KEY_FILE=$state/admin.key
    code=$(curl --silent --noproxy '*' --cacert "$HOUSING_CA_FILE" --output /dev/null --write-out '%{http_code}' "https://$gateway/api/model") || true
    [ "$code" = 401 ] || fail "the gateway answers $code without a key"
    ! curl --silent --noproxy '*' --output /dev/null "http://$gateway/health" || fail "the gateway answers without TLS"
    ! compose exec -T monitor cat /app/keys/keys.json >/dev/null 2>&1 || fail "the monitor can read the file of keys"
    say "callers need TLS and a key"
}

# What is served comes from MLflow on PostgreSQL, and what was answered is on record there.
check_record() {
    local rows
    rows=$(compose exec -T postgres psql --username=housing --dbname=housing --tuples-only --no-align \
        --command='SELECT count(*) FROM predictions') || fail "the prediction log cannot be read"
    [ "$rows" -ge 1 ] || fail "no prediction is on record"
    say "$rows predictions on record in PostgreSQL"
}

# A file that is dropped is taken in by the watcher, and moved with a report beside it.
check_retrainer() {
    local container deadline=$((SECONDS + 180))
    container=$(compose ps --quiet retrainer)
    printf 'longitude,latitude\n-122.23,37.88\n' |
        docker exec --interactive "$container" sh -c 'mkdir -p var/incoming && cat >var/incoming/.part && mv var/incoming/.part var/incoming/two-columns.csv'
    until docker exec "$container" sh -c 'test -e var/rejected/*two-columns.csv.report.json'; do
        [ "$SECONDS" -lt "$deadline" ] || fail "the watcher did not read a file within 180 s"
        sleep 1
    done
    compose exec -T retrainer housing retrain list >/dev/null || fail "the record of retrainings cannot be read"
    say "the watcher reads what is dropped, and rejects what lacks columns"
}

# The gateway's image, which Compose does not run, in front of the server.
check_gateway_image() {
    local container deadline=$((SECONDS + 60))
    container=$(docker run --detach --rm --read-only --tmpfs /tmp --cap-drop ALL --network california-housing-check_default \
        --volume california-housing-check_tls:/app/tls:ro --env HOUSING_CA_FILE=/app/tls/ca.pem \
        --env HOUSING_TLS_CERTIFICATE=/app/tls/certificate.pem --env HOUSING_TLS_KEY=/app/tls/key.pem \
        --env HOUSING_GRPC_HOST=server --env HOUSING_METRICS_HOST=server \
        --env HOUSING_GATEWAY_METRICS=on --env HOUSING_STATE_DIR=/tmp/housing california-housing/gateway)
    until [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; do
        [ "$SECONDS" -lt "$deadline" ] || fail "the gateway is not healthy after 60 s"
        sleep 1
    done
    HOUSING_API_KEY=$(cat "$HOUSING_API_KEY_FILE") docker exec --interactive --env HOUSING_API_KEY "$container" \
        python - --gateway https://localhost:8080 <deploy/scripts/check_service.py || fail "the gateway does not answer"
    docker stop --time 40 "$container" >/dev/null
    say "the gateway forwards to the server"
}

report_sizes() {
    local target
    for target in "${images[@]}"; do
        say "california-housing/$target: $(($(docker image inspect --format '{{.Size}}' "california-housing/$target") / 1000000)) MB"
    done
}

# What has been deployed is upgraded, and an upgrade that does not serve is rolled back.
check_deployment() {
    local target image
    for target in server monitor trainer; do
        docker tag "california-housing/$target" "california-housing/$target:next"
        docker tag "california-housing/$target" "california-housing/$target:broken"
    done
    printf 'FROM california-housing/server\nENTRYPOINT ["false"]\n' | docker build --quiet --tag california-housing/server:broken - >/dev/null
    deploy next || fail "an upgrade failed"
    ! deploy broken || fail "an image that ends at once was deployed"
    image=$(docker inspect --format '{{.Config.Image}}' "$(compose ps --quiet server)")
    [ "$image" = california-housing/server:next ] || fail "the deployment was not rolled back: $image runs"
    say "an upgrade was deployed, and a broken one rolled back"
}

deploy() {
    PATH=$machine/bin:$PATH HOUSING_PULL=no HOUSING_DEPLOY_SECONDS=${HOUSING_DEPLOY_SECONDS:-240} \
        deploy/deploy.sh "$1" --host machine
}

# What stands in .env on that machine.
settings() {
    echo COMPOSE_PROJECT_NAME=california-housing-check
    echo "COMPOSE_FILE=$compose_files"
    env | grep -E '^(HOUSING_[A-Z_]+|PIP_INDEX_URL)='
}

# A process that is killed, or dies of a signal it does not handle, ends with another code than 0.
stop_cleanly() {
    local service code
    compose stop --timeout 40 "$@"
    for service in "$@"; do
        code=$(docker inspect --format '{{.State.ExitCode}}' "$(compose ps --all --quiet "$service")")
        [ "$code" = 0 ] || fail "$service ended with code $code when it was asked to stop"
    done
    say "stopped cleanly: $*"
}

# Without a trap of its own, a signal would run the trap of EXIT with the status of the last command that succeeded.
interrupted() {
    broken="interrupted by SIG$1"
    exit $((128 + $(kill -l "$1")))
}

# Undoes what was done, from wherever the run ended; no second signal keeps it from that.
leave() {
    local status=$?
    trap - EXIT ERR
    trap '' INT TERM HUP
    [ "$status" != 0 ] || [ -n "$finished" ] || status=1
    [ -z "$follower" ] || kill "$follower" 2>/dev/null || true
    if [ -n "$started" ]; then
        [ "$status" = 0 ] || compose logs --no-color --tail 40 || true
        compose down --volumes --timeout 40 || status=1
    fi
    stop_machine
    remove_stand_ins || status=1
    stop_engine || status=1
    if [ "$status" = 0 ]; then say passed; else say "failed${broken:+: $broken}" >&2; fi
    exit "$status"
}

keep=
stand_ins_only=
for option in "$@"; do
    case $option in
    --keep) keep=yes ;;
    --stand-ins) stand_ins_only=yes ;;
    *) fail "usage: deploy/scripts/containers.sh [--stand-ins] [--keep]" ;;
    esac
done

unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME
compose_files=docker-compose.yml
if [ -f "$ca_bundle" ]; then
    export HOUSING_CA_BUNDLE=$ca_bundle
    compose_files+=:deploy/scripts/compose.ca-bundle.yml
fi

if [ -n "${HOUSING_CONTAINERS_MODEL:-}" ]; then
    HOUSING_CONTAINERS_MODEL=$(realpath "$HOUSING_CONTAINERS_MODEL")
    export HOUSING_CONTAINERS_MODEL
    compose_files+=:deploy/scripts/compose.model.yml
fi

find_docker
trap leave EXIT
trap 'broken="line $LINENO: $BASH_COMMAND"' ERR
for signal in INT TERM HUP; do
    # shellcheck disable=SC2064 # the name is that of now
    trap "interrupted $signal" "$signal"
done
mkdir -p "$machine/california-housing"
engine_answers || start_engine "$state"
compose version >/dev/null 2>&1 || fail "neither docker compose nor docker-compose is installed"
provide_image python:3.11-slim-bookworm python_stand_in
for program in prometheus alertmanager; do
    provide_image "$(sed -n "s/^ *image: *\(prom\/$program:.*\)/\1/p" docker-compose.yml)" "${program}_stand_in"
done
provide_image "$(sed -n 's/^ *image: *\(postgres:.*\)/\1/p' docker-compose.yml)" postgres_stand_in
build_images
report_sizes
choose_ports
say "Grafana is left out: its image comes from a registry only"
start_machine "$machine" "$(settings)"
say "deploying; training, if it is to, takes a few minutes"
started=yes
follow_training &
follower=$!
deploy latest || fail "the first deployment failed"
compose up --detach --no-build --no-deps "${others[@]}"
wait_until_healthy postgres mlflow server monitor prometheus alertmanager
check_door
python3 deploy/scripts/check_service.py --gateway "https://127.0.0.1:$HOUSING_GATEWAY_PORT" \
    --prometheus "http://127.0.0.1:$HOUSING_PROMETHEUS_PORT"
check_gateway_image
check_record
check_retrainer
check_deployment
if [ -n "$keep" ]; then
    say "running at https://127.0.0.1:$HOUSING_GATEWAY_PORT until Ctrl-C; the key is in $state/admin.key"
    sleep infinity &
    trap 'kill $!' INT TERM
    wait $! || true
    trap '' INT TERM # what follows is short, and is part of the checks
fi
stop_cleanly retrainer monitor server
finished=yes
