#!/bin/sh
# Pins every dependency, with hashes, for the developers and for each container image: requirements/*.txt.
#
#   deploy/scripts/lock.sh            add what pyproject.toml has gained, keep all other pins
#   deploy/scripts/lock.sh --upgrade  move every pin to the newest version
#   deploy/scripts/lock.sh --check    fail when a lock does not satisfy pyproject.toml any more; change nothing
#
# The images are constrained by the developers' lock, so that what is tested is what is shipped. Every Python gets the
# same version of a package, the oldest Python's: other versions of NumPy, SciPy or XGBoost would train other models.
# Package indexes are left out of the locks: where packages come from is the machine's business.
set -eu
cd "$(dirname "$0")/../.."
uv=${UV:-uv}
locks=requirements

compile() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command deploy/scripts/lock.sh ${upgrade:+--upgrade} "$@" \
        --output-file "$output" >/dev/null
}

compile_all() {
    compile "$locks/build.txt" requirements/build.in
    compile "$locks/dev.txt" pyproject.toml --extra dev
    compile "$locks/server.txt" pyproject.toml --extra server --extra tracing --constraint "$locks/dev.txt"
    compile "$locks/embedded.txt" pyproject.toml --extra embedded --constraint "$locks/dev.txt"
    compile "$locks/gateway.txt" pyproject.toml --extra gateway --constraint "$locks/dev.txt"
    compile "$locks/monitor.txt" pyproject.toml --extra monitoring --constraint "$locks/dev.txt"
    compile "$locks/trainer.txt" pyproject.toml --extra training --extra retraining --extra s3 \
        --constraint "$locks/dev.txt" --override requirements/overrides.in
}

case "${1:-}" in
"") compile_all ;;
--upgrade)
    upgrade=yes
    compile_all
    ;;
--check)
    locks=$(mktemp -d)
    trap 'rm -rf "$locks"' EXIT
    cp requirements/*.txt "$locks"
    compile_all
    # Comments name the files that were read, which here lie elsewhere.
    for lock in requirements/*.txt; do
        if ! diff -q -I '^ *#' "$lock" "$locks/$(basename "$lock")" >/dev/null; then
            echo "$lock does not match pyproject.toml: run deploy/scripts/lock.sh and commit the result" >&2
            exit 1
        fi
    done
    ;;
*)
    echo "usage: deploy/scripts/lock.sh [--upgrade|--check]" >&2
    exit 2
    ;;
esac
