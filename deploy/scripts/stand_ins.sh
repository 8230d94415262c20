# shellcheck shell=bash
# Images made from Debian packages, for machines that reach Debian's mirror but no image registry. Sourced.
# They go by the names of the images they stand in for, until remove_stand_ins takes the names away again.

stand_ins=()

# provide_image NAME MAKER: pulls an image, or else calls MAKER to make its stand-in.
provide_image() {
    local name=$1 maker=$2
    docker image inspect "$name" >/dev/null 2>&1 && return
    if [ -z "${stand_ins_only:-}" ] && docker pull --quiet "$name"; then
        return
    fi
    say "making a stand-in for $name from Debian packages"
    "$maker" "$name"
    stand_ins+=("$name")
}

# debian_image NAME PACKAGES [DOCKER IMPORT OPTIONS...]: the file system is kept as a tar file in the state folder. As in
# the slim images, there are no manuals and translations in it.
debian_image() {
    local name=$1 packages=$2
    local tar="${state:?}/${name//[\/:]/_}.tar"
    shift 2
    if [ ! -s "$tar" ]; then
        command -v mmdebstrap >/dev/null || fail "$name cannot be pulled, and mmdebstrap is not installed"
        # shellcheck disable=SC2016 # mmdebstrap expands it: $1 is the new file system
        mmdebstrap --quiet --variant=minbase --include="usr-is-merged,$packages" \
            --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
            --customize-hook='install --directory --owner=65534 --group=65534 "$1/prometheus" "$1/alertmanager"' \
            --customize-hook='chroot "$1" id postgres >/dev/null 2>&1 || exit 0;
                chroot "$1" install --directory --owner=postgres --group=postgres --mode=700 /var/lib/postgresql/data' \
            --customize-hook='copy-in deploy/scripts/postgres_stand_in.sh /usr/local/bin' \
            --format=tar bookworm "$tar.part"
        mv "$tar.part" "$tar"
    fi
    docker import "$@" "$tar" "$name" >/dev/null
}

python_stand_in() {
    debian_image "$1" python3,python3-venv,libpython3.11,ca-certificates
}

# Older than the image it stands in for, and the same in all that this project asks of it.
prometheus_stand_in() {
    debian_image "$1" prometheus --change 'USER 65534:65534' --change 'ENTRYPOINT ["/usr/bin/prometheus"]'
}

alertmanager_stand_in() {
    debian_image "$1" prometheus-alertmanager --change 'USER 65534:65534'
}

postgres_stand_in() {
    debian_image "$1" postgresql-15 --change 'ENTRYPOINT ["/bin/sh", "/usr/local/bin/postgres_stand_in.sh"]' \
        --change 'ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin'
}

# A later pull is to get the real images.
remove_stand_ins() {
    local name
    for name in "${stand_ins[@]}"; do
        docker image rm --force "$name" >/dev/null
    done
}
