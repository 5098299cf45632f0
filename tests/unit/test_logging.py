import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from backend.logging import configure_logging
configure_logging(json=True)
log = structlog.get_logger("here")
log.info("logged in", api_token="swordfish", Authorization="Bearer swordfish", path="/x")
logging.getLogger("celery").warning("from %s", "elsewhere")
try:
    local = "swordfish"
    raise ValueError("what went wrong")
except ValueError:
    log.exception("failed")
"""


def test_one_json_line_for_each_event_and_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == ""
    first, second, third = map(json.loads, done.stderr.splitlines())
    assert (first["event"], first["path"], first["api_token"], first["level"]) == ("logged in", "/x", "***", "info")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["logger"], second["level"]) == ("from elsewhere", "celery", "warning")
    assert "ValueError: what went wrong" in third["exception"]
    assert "swordfish" not in first.values()
    assert "'swordfish'" not in done.stderr, "variables are not drawn"
