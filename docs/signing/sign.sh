#!/bin/sh
# Prints the headers of a signed request. POSTROAD_KEY and POSTROAD_SECRET name the key.
#   sh sign.sh POST /v1/messages message.json > headers.txt
#   curl https://messages.example/v1/messages -H @headers.txt -H 'Content-Type: application/json' --data-binary @message.json
set -eu
method=$1 target=$2 body=${3:-/dev/null}
path=${target%%\?*}
case $target in *\?*) query=${target#*\?} ;; *) query= ;; esac
timestamp=${POSTROAD_TIMESTAMP:-$(date +%s)}
request_id=${POSTROAD_REQUEST_ID:-$(openssl rand -hex 16)}

# The key of the HMAC is what stands behind prs_, decoded from base64url.
secret=$(printf '%s=' "${POSTROAD_SECRET#prs_}" | tr -- '-_' '+/' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
body_sha256=$(openssl dgst -sha256 -r "$body" | cut -d ' ' -f 1)
signature=$(printf 'POSTROAD-HMAC-SHA256-V1\n%s\n%s\n%s\n%s\n%s\n%s\n%s' \
  "$POSTROAD_KEY" "$timestamp" "$request_id" "$method" "$path" "$query" "$body_sha256" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" -r | cut -d ' ' -f 1)

printf 'X-Postroad-Key: %s\nX-Postroad-Timestamp: %s\n' "$POSTROAD_KEY" "$timestamp"
printf 'X-Postroad-Request-Id: %s\nX-Postroad-Signature: v1=%s\n' "$request_id" "$signature"
