"""The Celery application: how wake-up calls reach a worker. Results travel by the database only."""

from celery import Celery

from backend.contracts.wake_up import QUEUE
from backend.settings import settings

PREFETCH = 1
RETRY_SECONDS = 5.0

app = Celery("worker", broker=settings().celery_broker, include=["worker.tasks"])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    # The row decides who runs a job, so a message may be forgotten once it was read.
    task_acks_late=False,
    worker_prefetch_multiplier=PREFETCH,
    worker_concurrency=1,
    worker_pool="prefork",
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    task_default_queue=QUEUE,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"socket_keepalive": True, "max_retries": 1, "interval_max": RETRY_SECONDS},
    enable_utc=True,
)
