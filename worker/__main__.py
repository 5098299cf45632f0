"""Start a worker on this computer: `python -m worker`. One worker for each device."""

from worker.celery_app import app


def main() -> None:
    """Take jobs until SIGTERM. One child process does the work; the parent never computes."""
    app.worker_main(
        ["worker", "--pool=prefork", "--concurrency=1", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    )


if __name__ == "__main__":
    main()
