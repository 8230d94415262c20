#!/usr/bin/env bash
# Deploys a tag to a cluster by an overlay, checks it, and goes back to the previous tag if it does not serve.
#
#   deploy/kubernetes/deploy.sh dev|staging|prod TAG
#
# Needs kubectl with access to the cluster. HOUSING_IMAGE_PREFIX, as docker.io/you/california-housing-, replaces the names of
# images in the overlay. HOUSING_DEPLOY_SECONDS (600) is the patience for a rollout.
set -euo pipefail
cd "$(dirname "$0")"

[ $# = 2 ] && [ -d "overlays/$1" ] || {
    echo "usage: deploy/kubernetes/deploy.sh dev|staging|prod TAG" >&2
    exit 2
}
environment=$1
tag=$2
patience=${HOUSING_DEPLOY_SECONDS:-600}
deployments=(server gateway monitor retrainer)

say() {
    echo "deploy: $*"
}

in_namespace() {
    kubectl --namespace "housing-$environment" "$@"
}

# The images of an overlay at a tag, in a copy: nothing in the checkout changes.
apply() {
    local folder image name
    folder=$(mktemp -d)
    cp -r base components overlays "$folder"
    for name in server gateway monitor trainer; do
        image=${HOUSING_IMAGE_PREFIX:+$HOUSING_IMAGE_PREFIX$name}
        sed -i -E "s#(name: california-housing/$name, newName: )([^,]+), newTag: [^}]+#\1${image:-\\2}, newTag: \"$1\"#" \
            "$folder/overlays/$environment/kustomization.yaml"
    done
    kubectl apply --kustomize "$folder/overlays/$environment"
    rm -r "$folder"
}

rolled_out() {
    local deployment
    for deployment in "${deployments[@]}"; do
        in_namespace rollout status --timeout "${patience}s" "deployment/$deployment" || return 1
    done
}

# From inside the gateway's pod: no port has to be open to whoever deploys.
answers() {
    in_namespace exec --stdin deployment/gateway -- python - <../scripts/check_service.py
}

previous=$(in_namespace get deployment server --output 'jsonpath={.spec.template.spec.containers[0].image}' 2>/dev/null || true)
previous=${previous##*:}
say "$environment: ${previous:-nothing} -> $tag"
if apply "$tag" && rolled_out && answers; then
    say "$environment serves $tag"
    exit 0
fi
[ -n "$previous" ] || {
    say "$tag does not serve, and there is nothing to go back to" >&2
    exit 1
}
say "$tag does not serve: back to $previous" >&2
apply "$previous" && rolled_out && answers && say "$environment serves $previous again" >&2
exit 1
