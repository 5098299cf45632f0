"""The worker: the science, the experiments and the Celery tasks that run them."""
