"""Prints the headers of a signed request: python3 sign.py POST /v1/messages message.json"""

import base64
import hashlib
import hmac
import os
import secrets
import sys
import time


def headers(key, secret, method, target, body, timestamp=None, request_id=None):
    """Of one request. `target` is the path with its query, exactly as it goes over the wire; `body` are bytes."""
    timestamp = str(timestamp or int(time.time()))
    request_id = request_id or secrets.token_hex(16)
    path, _, query = target.partition("?")
    encoded = secret.removeprefix("prs_")
    raw_key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    lines = ["POSTROAD-HMAC-SHA256-V1", key, timestamp, request_id, method, path, query, hashlib.sha256(body).hexdigest()]
    signature = hmac.new(raw_key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    return {
        "X-Postroad-Key": key,
        "X-Postroad-Timestamp": timestamp,
        "X-Postroad-Request-Id": request_id,
        "X-Postroad-Signature": f"v1={signature}",
    }


if __name__ == "__main__":
    method, target, *file = sys.argv[1:]
    body = open(file[0], "rb").read() if file else b""
    env = os.environ
    signed = headers(env["POSTROAD_KEY"], env["POSTROAD_SECRET"], method, target, body,
                     env.get("POSTROAD_TIMESTAMP"), env.get("POSTROAD_REQUEST_ID"))
    print("\n".join(f"{name}: {value}" for name, value in signed.items()))
