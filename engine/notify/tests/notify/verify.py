"""Checks a webhook with the library of those who wrote the standard. Reads one JSON document from standard input."""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

asked = json.load(sys.stdin)
body = base64.b64decode(asked["body"])
try:
    said = Webhook(asked["key"]).verify(body, asked["headers"])
except WebhookVerificationError as error:
    print(f"refused: {error}")
else:
    print(f"verified: {said['type']}")
