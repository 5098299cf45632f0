"""Find a Chromium for the tests that drive the real page, or install one: `python -m tests.browser`."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Path of the browser: `CHROMIUM`, else the first one on the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    """Install the distribution's Chromium where that is possible without asking for a password."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "-q", "update"], ["apt-get", "-q", "install", "-y", "chromium"]):
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Exit status 0 when there is a browser."""
    if find_chromium() is None:
        install_chromium()
    if find_chromium() is None:
        sys.stderr.write("The tests drive a real page: install Chromium, or name one with CHROMIUM=/path/to/it.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
