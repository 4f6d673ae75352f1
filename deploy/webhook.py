"""Run a command when MLflow's server tells that the champion is another version: ``python webhook.py COMMAND ...``.

The command may be ``systemctl restart credit-risk`` or ``kubectl rollout restart deployment/credit``. Only deliveries that are
signed with ``WEBHOOK_SECRET``, no older than five minutes and not carried out before are heard; all others run nothing. Where the
command fails, MLflow gets status 500 and delivers again. Only the standard library is needed. docs/deploy.md tells the rest.
"""

import base64
import hmac
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ.get("WEBHOOK_SECRET", "").encode()
WANTED = {"name": os.environ.get("WEBHOOK_MODEL", "credit-risk"), "alias": "champion"}
SECONDS, LARGEST = 300, 65_536
heard: dict[str, float] = {}  # deliveries that were carried out, and when


class Receiver(BaseHTTPRequestHandler):
    """Answers one delivery at a time."""

    timeout = 10  # seconds that a sender has

    def do_POST(self) -> None:
        """Check a delivery, and run the command if it is of the champion."""
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(int(length)) if length.isdecimal() and int(length) <= LARGEST else b""
        delivery = self.headers.get("X-MLflow-Delivery-Id", "")
        if not self.signed(delivery, body):
            status = 401
        elif delivery in heard or not of_champion(body):
            status = 204
        else:
            done = subprocess.run(sys.argv[1:], check=False).returncode == 0
            heard.update({delivery: time.time()} if done else {})
            status = 204 if done else 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def signed(self, delivery: str, body: bytes) -> bool:
        """Whether the signature is ours and the delivery is of these minutes."""
        moment, given = self.headers.get("X-MLflow-Timestamp", ""), self.headers.get("X-MLflow-Signature", "")
        digest = hmac.digest(SECRET, f"{delivery}.{moment}.".encode() + body, "sha256")
        ours = b"v1," + base64.b64encode(digest)
        fresh = moment.isdecimal() and abs(time.time() - int(moment)) <= SECONDS
        return hmac.compare_digest(ours, given.encode()) and fresh


def of_champion(body: bytes) -> bool:
    """Whether a delivery tells that the alias was set, of the model that is served here; others are not for us."""
    for old in [one for one, moment in heard.items() if time.time() - moment > 2 * SECONDS]:
        del heard[old]
    told = json.loads(body)
    what = f"{told.get('entity')}.{told.get('action')}"
    return what == "model_version_alias.created" and WANTED.items() <= told.get("data", {}).items()


if len(SECRET) < 16 or not sys.argv[1:]:
    sys.exit("set WEBHOOK_SECRET to at least 16 characters, and name the command to run")
HTTPServer(("127.0.0.1", int(os.environ.get("WEBHOOK_PORT", "5055"))), Receiver).serve_forever()
