"""Wake-up calls to workers, sent by name: the service knows no worker code."""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from backend.contracts.wake_up import QUEUE, TASK

log = structlog.get_logger(__name__)


class Queue:
    """Sends job ids to the broker; never raises when it is down, since the rows stay the truth."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("queue", broker=broker_url)
        self._app.conf.update(
            task_ignore_result=True,
            task_serializer="json",
            accept_content=["json"],
            broker_connection_timeout=1,
            broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 2, "max_retries": 0},
        )

    def send(self, job_id: str) -> bool:
        """Wake a worker for this job. False when the broker does not answer: the next sweep tries again."""
        try:
            self._app.send_task(TASK, args=[job_id], queue=QUEUE, retry=False)
        except (OperationalError, OSError) as error:
            log.warning("wake-up call not sent", job_id=job_id, reason=str(error))
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._app.close()
