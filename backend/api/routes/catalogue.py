"""What can be chosen in a study: data sets, metrics, pruning rules, judges, study types."""

from fastapi import APIRouter

from backend.contracts.catalogue import DatasetEntry, Entry, JudgeEntry, MetricEntry, catalogue
from backend.contracts.messages import StudyTypeInfo
from backend.services.submit import list_study_types

router = APIRouter(tags=["catalogue"])


@router.get("/study-types", summary="Study types")
def study_types() -> list[StudyTypeInfo]:
    """The JSON Schema of each type's parameters (it makes the form), and presets with every default filled in."""
    return list_study_types()


@router.get("/datasets", summary="Data sets")
def datasets() -> list[DatasetEntry]:
    """Data sets with content digest, sizes and licence."""
    return list(catalogue().datasets)


@router.get("/metrics", summary="Metrics")
def metrics() -> list[MetricEntry]:
    """Metrics with unit, formula, source, and which direction is better."""
    return list(catalogue().metrics)


@router.get("/pruning-rules", summary="Pruning rules")
def pruning_rules() -> list[Entry]:
    """Which weights go first."""
    return list(catalogue().pruning_rules)


@router.get("/judges", summary="Judges")
def judges() -> list[JudgeEntry]:
    """Who says whether a sample is a digit, each with the digest that metric values name it by."""
    return list(catalogue().judges)
