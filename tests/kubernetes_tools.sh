#!/bin/sh
# Builds the control plane of Kubernetes into .tools/bin, for `make control-plane`. It takes Go, and a quarter of an hour
# of two processors the first time.
set -eu
cd "$(dirname "$0")/.."
version=1.34.4
bin=$PWD/.tools/bin
mkdir -p "$bin" .tools/kubernetes

if ! command -v etcd >/dev/null; then
    [ "$(id -u)" = 0 ] && RUNLEVEL=1 apt-get install -qq -y --no-install-recommends etcd-server >/dev/null ||
        { echo "etcd is missing: apt-get install etcd-server" >&2; exit 1; }
fi

# The module of Kubernetes takes its parts from a folder that is not published with it; they are published one by one.
cd .tools/kubernetes
export GOFLAGS=-mod=mod CGO_ENABLED=0
module=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
{
    printf 'module controlplane\n\ngo 1.24.0\n\ngodebug default=go1.24\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
    sed -n "s|^\t\(k8s.io/[a-z-]*\) => ./staging.*|\t\1 => \1 v0.${version#1.}|p" "$module/go.mod"
    printf ')\n'
} >go.mod
cp "$module/go.sum" go.sum
for program in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
    [ -x "$bin/$program" ] || {
        echo "building $program"
        nice go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
            -o "$bin/$program" "k8s.io/kubernetes/cmd/$program"
    }
done
