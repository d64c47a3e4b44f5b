"""A mail server that others wrote, for tests: prints what it took, one line of JSON each, until its input ends.

`later@` is told to come again the first time, `never@` is refused for good. Whoever sends signs in first.
"""

import email
import email.policy
import json
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Judge:
    def __init__(self):
        self.asked = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "never":
            return "550 5.1.1 there is no such mailbox"
        if name == "later" and address not in self.asked:
            self.asked.add(address)
            return "451 4.7.1 come again in a moment"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "envelope": [envelope.mail_from, envelope.rcpt_tos],
            "from": message["From"],
            "to": message["To"],
            "subject": message["Subject"],
            "id": message["Message-ID"],
            "auto_submitted": message["Auto-Submitted"],
            "text": message.get_body(("plain",)).get_content(),
            "html": message.get_body(("html",)).get_content(),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


def knows(server, session, envelope, mechanism, said):
    right = isinstance(said, LoginPassword) and (said.login, said.password) == (b"postroad", b"a secret")
    # What is not handled is answered with 535.
    return AuthResult(success=right, handled=right)


controller = Controller(
    Judge(), hostname="127.0.0.1", port=int(sys.argv[1]), authenticator=knows, auth_required=True, auth_require_tls=False
)
controller.start()
print(json.dumps("ready"), flush=True)
sys.stdin.read()
controller.stop()
