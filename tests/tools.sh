#!/bin/sh
# Installs the programs that some tests need, where this machine allows it: as root through apt, and with Go. What
# cannot be installed is said here, and the tests that need it skip, saying so too; under CI=true they fail.
set -u
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1 || [ -x ".tools/bin/$1" ]; }

debian() { # package, program
    have "$2" && return
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "installing $1"
        apt-get install -qq -y --no-install-recommends "$1" >/dev/null 2>&1 && return
        apt-get update -qq && apt-get install -qq -y --no-install-recommends "$1" >/dev/null && return
    fi
    echo "$2 is missing and cannot be installed here: apt-get install $1" >&2
}

go_module() { # program, module@version, the name that Go gives it if that is another
    have "$1" && return
    if have go; then
        echo "building $1"
        GOBIN="$PWD/.tools/build" go install "$2" && mkdir -p .tools/bin && mv ".tools/build/${3:-$1}" ".tools/bin/$1" && return
    fi
    echo "$1 is missing and cannot be built here: install Go, or $1 itself" >&2
}

# Debian starts a server it has installed; these are only for tests to start themselves.
export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
debian prometheus prometheus
debian prometheus-alertmanager amtool
debian postgresql pg_ctlcluster
debian chromium chromium
go_module grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
go_module protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
go_module protoc-gen-go-grpc google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
! have go || (cd docs/clients/go && go mod download) || echo "the Go modules of docs/clients/go cannot be downloaded here" >&2
go_module connectconformance connectrpc.com/conformance/cmd/connectconformance@v1.0.7
go_module h2spec github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
go_module grpc-interop-client google.golang.org/grpc/interop/client@v1.85.0 client
go_module kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
go_module kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
go_module actionlint github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
! have go || for module in sigs.k8s.io/gateway-api@v1.3.0 github.com/prometheus-operator/prometheus-operator@v0.82.0; do
    go mod download "$module" || echo "$module cannot be downloaded here" >&2
done

python_package() { # folder, package==version: into a folder of its own
    [ -e ".tools/$1" ] && return
    echo "installing $2"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target ".tools/$1" "$2" ||
        echo "$2 cannot be installed here" >&2
}

python_package kubernetes-validate kubernetes-validate==1.37.0
python_package zizmor zizmor==1.32.0

python_program() { # name, version: into an environment of its own
    [ -x ".tools/$1/bin/$1" ] && return
    echo "installing $1"
    .venv/bin/python -m venv ".tools/$1" &&
        ".tools/$1/bin/python" -m pip install --quiet --disable-pip-version-check "$1==$2" ||
        echo "$1 cannot be installed here" >&2
}

python_program schemathesis 4.32.5
exit 0
