#!/bin/sh
# Says whether a notice that was kept in a file has the right signature: exit code 0 if so, 1 if not.
#
#     verify_webhook.sh duty-room.secret ID TIMESTAMP SIGNATURE BODY_FILE
#
# For a look by hand: while openssl runs, other accounts of the machine can read the secret among its arguments.
set -eu
key=$(sed 's/^whsec_//' "$1" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
right=v1,$({ printf '%s.%s.' "$2" "$3"; cat "$5"; } |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
[ "$right" = "$4" ]
