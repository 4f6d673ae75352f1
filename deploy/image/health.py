"""Ask the server of this container a known decision; the exit code is 0 only if the answer is the known one.

``known.json`` holds the request and what the model answered when the image's folder was written. Only the standard library is
needed.
"""

import json
import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen

known = json.loads((Path(__file__).parent / "known.json").read_text(encoding="utf-8"))
address = f"http://127.0.0.1:{os.environ.get('MLFLOW_PORT', '8080')}/invocations"
request = Request(address, json.dumps(known["request"]).encode(), {"Content-Type": "application/json"})
try:
    with urlopen(request, timeout=8) as response:
        (answer,) = json.loads(response.read())["predictions"]
except (OSError, ValueError, KeyError) as fault:
    sys.exit(f"the model gives no answer: {type(fault).__name__}")
(expected,) = known["answer"]["predictions"]
for field in ("model_version", "status", "decision", "risk_level"):
    if answer[field] != expected[field]:
        sys.exit(f"{field} is {answer[field]}, and {expected[field]} when the image was made")
for field in ("probability", "score"):
    if abs((answer[field] or 0) - (expected[field] or 0)) > 1e-6 * abs(expected[field] or 0):
        sys.exit(f"{field} is {answer[field]}, and {expected[field]} when the image was made")
