"""The study that a laboratory begins with when it starts for the first time."""

from backend.contracts.messages import Study, StudyCreate
from backend.services.laboratory import Laboratory
from backend.services.submit import submit_once

DEMO = StudyCreate(
    name="First look: dilution and pruning on MNIST", type="dilution-sweep", preset="Two cores", parameters={}
)
DEMO_SUBMITTED = "demo study submitted"


def submit_demo(lab: Laboratory) -> Study | None:
    """Submit the demo study, on the first start only; None on every other."""
    return submit_once(lab, DEMO, DEMO_SUBMITTED)
