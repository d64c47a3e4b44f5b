"""Signs a webhook with Twilio's own library, which must accept it before anybody else sees it.

Usage: sign.py TOKEN URL ALGORITHM < body. The body is a form, unless the URL has bodySHA256. Prints X-Twilio-Signature.
"""

import sys
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator


class Fields(dict):
    """A form with repeated names, as web frameworks hand it over."""

    def getlist(self, name):
        return self[name]


token, url, algorithm = sys.argv[1:]
body = sys.stdin.buffer.read().decode()
validator = RequestValidator(token)
if "bodySHA256=" in url:
    signed, whole = {}, body
else:
    signed = Fields()
    for name, value in parse_qsl(body, keep_blank_values=True):
        signed.setdefault(name, []).append(value)
    whole = signed
signature = validator.compute_signature(url, signed, algorithm)
if not validator.validate(url, whole, signature, algorithm):
    sys.exit("the library does not accept its own signature")
print(signature)
