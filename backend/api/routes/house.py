"""The house: workers and health."""

from fastapi import APIRouter

from backend.api.deps import Lab
from backend.contracts.messages import Health, Worker
from backend.services import house

router = APIRouter(tags=["house"])


@router.get("/workers", summary="Workers")
def workers(lab: Lab) -> list[Worker]:
    """Worker processes seen in the last ten minutes, and whether they are alive."""
    return house.list_workers(lab)


@router.get("/health", summary="Health")
def health(lab: Lab) -> Health:
    """Whether database, broker and at least one worker answer. Always 200; `ok` is the whole. Needs no token."""
    return house.health(lab)
