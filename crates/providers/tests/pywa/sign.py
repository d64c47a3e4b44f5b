"""Signs the webhook body on standard input as Meta does, and has pywa accept it before anybody else sees it.

Usage: sign.py APP_SECRET < body. Prints the value of X-Hub-Signature-256.
"""

import hashlib
import hmac
import sys

from pywa.utils import webhook_updates_validator

secret, body = sys.argv[1], sys.stdin.buffer.read()
signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
if not webhook_updates_validator(app_secret=secret, request_body=body, x_hub_signature=signature):
    sys.exit("pywa does not accept this signature")
print(signature)
