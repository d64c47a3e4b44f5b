"""Signs what schemathesis makes up, byte by byte as it leaves: POSTROAD-HMAC-SHA256-V1."""

import base64
import hashlib
import hmac
import os
import secrets
import time

import schemathesis
from requests.auth import AuthBase

KEY = os.environ["POSTROAD_API_KEY"]
SECRET = base64.urlsafe_b64decode(os.environ["POSTROAD_API_SECRET"].removeprefix("prs_") + "=")


class Signed(AuthBase):
    def __call__(self, request):
        path, _, query = request.path_url.partition("?")
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        if not isinstance(body, bytes):
            return request
        timestamp, request_id = str(int(time.time())), secrets.token_hex(16)
        lines = ["POSTROAD-HMAC-SHA256-V1", KEY, timestamp, request_id, request.method, path, query, hashlib.sha256(body).hexdigest()]
        signature = hmac.new(SECRET, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        request.headers["X-Postroad-Key"] = KEY
        request.headers["X-Postroad-Timestamp"] = timestamp
        request.headers["X-Postroad-Request-Id"] = request_id
        request.headers["X-Postroad-Signature"] = f"v1={signature}"
        return request


schemathesis.auth.set_from_requests(Signed())
