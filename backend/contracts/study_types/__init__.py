"""Study types: one file each. The folder is scanned; a new file is a new study type in the API and in the form."""

from backend.contracts.study_types.base import StudyType, study_type, study_types

__all__ = ["StudyType", "study_type", "study_types"]
