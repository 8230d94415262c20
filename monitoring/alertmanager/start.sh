#!/bin/sh
# Runs Alertmanager with the webhook's address in the place of the placeholder. The address is the one line of the file
# that HOUSING_ALERT_WEBHOOK_FILE names; without it alerts are shown on Alertmanager's own page only. Arguments are
# handed on.
set -eu
placeholder=http://alert-webhook.invalid/
folder=$(cd "$(dirname "$0")" && pwd)
program=$(command -v alertmanager || command -v prometheus-alertmanager) ||
    { echo "start.sh: no alertmanager on PATH (Debian: apt-get install prometheus-alertmanager)" >&2; exit 1; }

url=
if [ -n "${HOUSING_ALERT_WEBHOOK_FILE:-}" ]; then
    text=$(cat "$HOUSING_ALERT_WEBHOOK_FILE") ||
        { echo "start.sh: HOUSING_ALERT_WEBHOOK_FILE cannot be read: alerts would be lost" >&2; exit 1; }
    url=$(printf '%s' "$text" | head -n 1)
fi
[ -n "$url" ] || echo "start.sh: HOUSING_ALERT_WEBHOOK_FILE names no address: nobody will be told of alerts" >&2

umask 077
config=$(mktemp)
escaped=$(printf '%s' "${url:-$placeholder}" | sed 's/[&|\\]/\\&/g')
sed "s|$placeholder|$escaped|" "$folder/alertmanager.yml" >"$config"
exec "$program" --config.file="$config" "$@"
