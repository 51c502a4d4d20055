#!/usr/bin/env bash
# Breaks a running shop (`vshop up`), places an order, and prints the spans with an error, with curl and jq only.
set -euo pipefail

orders=${VSHOP_ORDERS_URL:-http://127.0.0.1:8080}
auth=${VSHOP_AUTH_URL:-http://127.0.0.1:8081}
console=${VSHOP_CONSOLE_URL:-http://127.0.0.1:8090}
traces=${VSHOP_TRACES_URL:-http://127.0.0.1:16686}
user='auth0|5ba1a9227dc7232e1aec4fd0'
incident=${1:-stock-put-missing-key}

# Returns once every service has acknowledged. The incident ends after a minute, or when this script exits.
curl -sSf -X PUT "$console/chaos/$incident?for=60s" | jq -c '{id, on, acknowledgedBy}'
trap 'curl -sSf -X DELETE "$console/chaos/$incident" > /dev/null' EXIT

token=$(curl -sSf "$auth/oauth/token" -H 'Content-Type: application/json' -d "$(jq -n --arg user "$user" \
  '{grant_type: "password", username: $user, password: "shopper", audience: "https://virtual-shop.local/api"}')" | jq -r .access_token)

# The answer has the trace id.
trace_id=$(curl -sS "$orders/orders" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -D - -o /dev/null \
  -d "$(jq -n --arg user "$user" '{itemId: 1, username: $user, quantity: 1}')" | tr -d '\r' | awk -F- 'tolower($1) ~ /^traceresponse/ {print $2}')
echo "trace $trace_id"

# Poll the trace (OTLP as JSON) until a span has an error.
for _ in $(seq 100); do
  red=$(curl -sS "$traces/api/v3/traces/$trace_id" | jq -c '[.result.resourceSpans[]? | (.resource.attributes[]
    | select(.key == "service.name").value.stringValue) as $service | .scopeSpans[].spans[] | select(.status.code == 2)
    | {service: $service, name, message: .status.message}]' || echo '[]')
  [ "$red" != '[]' ] && break
  read -rt 0.1 <> <(:) || true
done
jq -r '.[] | "\(.service): \(.name)  \(.message // "")"' <<< "$red"
[ "$red" != '[]' ]
