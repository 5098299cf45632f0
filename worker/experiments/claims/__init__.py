"""The paper's claims, one file for each experiment: what is read, by which criterion it is judged, and the verdict.

A file declares `claims`, a function from `Evidence` to claims. The folder is scanned. The criteria are this project's.
"""

from worker.experiments.claims.evidence import Evidence, judge_claims

__all__ = ["Evidence", "judge_claims"]
