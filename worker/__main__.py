"""Start a worker on this computer: `python -m worker`. One worker for each device."""

import os

from worker.celery_app import app


def main() -> None:
    """Take jobs until SIGTERM. One child process does the work; the parent never computes."""
    # Threads that spin while they wait starve everything else on a small computer, their own work included.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app.worker_main(
        ["worker", "--pool=prefork", "--concurrency=1", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    )


if __name__ == "__main__":
    main()
