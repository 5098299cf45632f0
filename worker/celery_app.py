"""The Celery application: how wake-up calls reach a worker. Results travel by the database only."""

from celery import Celery

from backend.contracts.wake_up import QUEUE
from backend.settings import settings

PREFETCH = 1
RETRY_SECONDS = 5.0
CHILD_START_SECONDS = 120.0

app = Celery("worker", broker=settings().celery_broker, include=["worker.tasks"])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    # The row decides who runs a job, so a message may be forgotten once it was read.
    task_acks_late=False,
    worker_prefetch_multiplier=PREFETCH,
    # A busy worker leaves messages to idle ones.
    worker_disable_prefetch=True,
    worker_concurrency=1,
    worker_pool="prefork",
    # The child imports torch before it says that it is up; on a busy computer that takes a while.
    worker_proc_alive_timeout=CHILD_START_SECONDS,
    worker_send_task_events=False,
    # Cancel, stop and signs of life go through the rows.
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    task_default_queue=QUEUE,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"socket_keepalive": True, "max_retries": 1, "interval_max": RETRY_SECONDS},
    enable_utc=True,
)
