#!/bin/sh
# Prints the part of CHANGELOG.md about a release, by its tag: `release_notes.sh v1.2.3`. Fails if there is none.
set -eu
cd "$(dirname "$0")/../.."
version=${1#v}
notes=$(awk -v version="$version" '/^## / {found = ($2 == version)} found' CHANGELOG.md)
[ -n "$notes" ] || {
    echo "CHANGELOG.md says nothing about $version" >&2
    exit 1
}
echo "$notes"
