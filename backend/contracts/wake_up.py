"""The wake-up call that tells a worker of a job: names only, the row says the rest."""

TASK = "worker.run_job"
QUEUE = "jobs"
