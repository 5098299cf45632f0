"""What a job does: one file for each kind of job. The folder is scanned."""
