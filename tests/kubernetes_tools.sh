#!/bin/sh
# Builds the control plane of Kubernetes into .tools/bin, for `make control-plane`. It takes Go, and a quarter of an hour
# of two processors the first time. With the argument `nodes`, what nodes run as well, for `make nodes`.
set -eu
cd "$(dirname "$0")/.."
version=1.34.4
bin=$PWD/.tools/bin
programs="kube-apiserver kube-controller-manager kube-scheduler kubectl"
mkdir -p "$bin" .tools/kubernetes .tools/coredns
export GOFLAGS=-mod=mod CGO_ENABLED=0

debian() { # package, program
    [ ! -x "$2" ] && ! command -v "$2" >/dev/null || return 0
    [ "$(id -u)" = 0 ] && RUNLEVEL=1 apt-get install -qq -y --no-install-recommends "$1" >/dev/null ||
        { echo "$2 is missing: apt-get install $1" >&2; exit 1; }
}

debian etcd-server etcd
if [ "${1:-}" = nodes ]; then
    programs="$programs kubelet kube-proxy"
    debian containerd containerd
    debian containernetworking-plugins /usr/lib/cni/bridge
    debian iptables iptables
fi

# The module of Kubernetes takes its parts from a folder that is not published with it; they are published one by one.
cd .tools/kubernetes
module=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
{
    printf 'module controlplane\n\ngo 1.24.0\n\ngodebug default=go1.24\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
    sed -n "s|^\t\(k8s.io/[a-z-]*\) => ./staging.*|\t\1 => \1 v0.${version#1.}|p" "$module/go.mod"
    printf ')\n'
} >go.mod
cp "$module/go.sum" go.sum
for program in $programs; do
    [ -x "$bin/$program" ] || {
        echo "building $program"
        nice go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
            -o "$bin/$program" "k8s.io/kubernetes/cmd/$program"
    }
done
[ "${1:-}" = nodes ] && [ ! -x "$bin/coredns" ] || exit 0

# CoreDNS with the two plugins that are used here: the others are ten times as much.
cd ../coredns
cat >main.go <<END
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() {
	dnsserver.Directives = []string{"errors", "kubernetes"}
	coremain.Run()
}
END
[ -e go.mod ] || go mod init names
go get github.com/coredns/coredns@v1.13.1
echo "building coredns"
nice go build -trimpath -ldflags "-s -w" -o "$bin/coredns" .
