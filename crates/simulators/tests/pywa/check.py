"""Uses pywa as a client of the simulator, and as the judge of its webhooks.

Arguments: the simulator's address, a phone number id, a WABA id. Fails with a traceback.
"""

import http.server
import json
import queue
import sys
import threading
import urllib.request

import httpx
from pywa import WhatsApp, errors, types, utils
from pywa.types import templates

BASE, PHONE, WABA = sys.argv[1:4]
SECRET = "a secret of the app"
ANN = "+15550100007"

told = queue.Queue()


class Callback(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        told.put((body, self.headers["x-hub-signature-256"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def control(path, body):
    request = urllib.request.Request(f"{BASE}/_sim/{path}", json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request))


def client(token):
    session = httpx.Client()
    wa = WhatsApp(phone_id=PHONE, token=token, waba_id=WABA, session=session, server=None)
    session.base_url = f"{BASE}/v25.0"
    return wa


def send(wa):
    sent = wa.send_message(ANN, "Hello from pywa", tracker="pywa-1.1")
    assert sent.id.startswith("wamid."), sent
    wa.send_message(ANN, "Choose", buttons=[types.Button("Yes", "yes"), types.Button("No", "no")])
    wa.send_image(ANN, "https://example.com/picture.jpg", caption="A picture")
    wa.send_reaction(ANN, "\N{THUMBS UP SIGN}", message_id=sent.id)
    wa.send_location(ANN, latitude=52.5, longitude=13.4, name="Berlin", address="Somewhere")
    assert wa.mark_message_as_read(sent.id).success
    assert wa.indicate_typing(sent.id).success

    media = wa.upload_media(b"not really a picture", mime_type="image/png", filename="picture.png")
    wa.send_image(ANN, media.id)
    url = wa.get_media_url(media.id)
    assert url.mime_type == "image/png" and url.file_size == 20, url
    assert wa.get_media_bytes(url=url.url) == b"not really a picture"


def send_templates(wa):
    english = templates.TemplateLanguage.ENGLISH_US
    sent = wa.send_template(ANN, name="hello_world", language=english, params=[])
    assert sent.id.startswith("wamid."), sent
    control("templates", {"name": "order_update", "body_params": 2})
    body = templates.BodyText("Hello {{1}} {{2}} there", "a", "b")
    wa.send_template(ANN, name="order_update", language=english, params=[body.params("Ann", "12")])
    try:
        wa.send_template(ANN, name="order_update", language=english, params=[])
        raise AssertionError("a template without its parameters was accepted")
    except errors.TemplateParamCountMismatch:
        pass
    names = {template.name for template in wa.get_templates()}
    assert names == {"hello_world", "order_update"}, names


def look(wa):
    number = wa.get_business_phone_number()
    assert number.verified_name == "Simulated Business", number
    try:
        client("another token").send_message(ANN, "No")
        raise AssertionError("a wrong token was accepted")
    except errors.ExpiredAccessToken:
        pass


def next_update():
    """The next webhook, its signature checked by pywa."""
    body, signature = told.get(timeout=20)
    assert utils.webhook_updates_validator(SECRET, body, signature), (body, signature)
    return json.loads(body)


def hear(wa, inbound, kind):
    control("inbound", {"from": ANN, "name": "Änn", "message": inbound})
    return kind.from_update(wa, next_update())


def listen(wa):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at_once = {"share": 1.0, "after_ms": [0, 0]}
    control("config", {
        "webhook_url": f"http://127.0.0.1:{server.server_port}/webhook",
        "app_secret": SECRET,
        "receipts": {"sent": at_once, "delivered": at_once, "read": at_once},
        "webhooks": {"batch_max": 1, "parallel": 1},
    })
    message = hear(wa, {"type": "text", "body": "Grüße"}, types.Message)
    assert (message.text, message.from_user.wa_id, message.from_user.name) == ("Grüße", "15550100007", "Änn"), message
    picture = hear(wa, {"type": "image", "caption": "Look"}, types.Message)
    assert picture.image.mime_type == "image/jpeg" and picture.caption == "Look", picture
    reaction = hear(wa, {"type": "reaction", "message_id": message.id, "emoji": "x"}, types.Message)
    assert reaction.reaction.message_id == message.id, reaction
    button = hear(wa, {"type": "button_reply", "id": "yes", "title": "Yes"}, types.CallbackButton)
    assert button.data == "yes", button
    edited = hear(wa, {"type": "edit", "original_message_id": message.id, "body": "Better"}, types.EditedMessage)
    assert (edited.original_message_id, edited.message.text) == (message.id, "Better"), edited
    deleted = hear(wa, {"type": "revoke", "original_message_id": message.id}, types.DeletedMessage)
    assert deleted.original_message_id == message.id, deleted
    control("events", {"event": "user_preference", "recipient": ANN, "value": "stop"})
    preference = types.UserMarketingPreferences.from_update(wa, next_update())
    assert not preference, preference


def statuses(wa):
    sent = wa.send_message(ANN, "Told", tracker="pywa-2.1")
    seen = set()
    for _ in range(3):
        status = types.MessageStatus.from_update(wa, next_update())
        assert (status.id, status.tracker) == (sent.id, "pywa-2.1"), status
        seen.add(status.status)
    assert seen == {types.MessageStatusType.SENT, types.MessageStatusType.DELIVERED, types.MessageStatusType.READ}, seen


wa = client("a token")
send(wa)
send_templates(wa)
look(wa)
listen(wa)
statuses(wa)
