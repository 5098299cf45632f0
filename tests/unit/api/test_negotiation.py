import pytest

from backend.api.negotiation import prefers_csv


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/csv", True),
        ("TEXT/CSV", True),
        ("text/*", True),
        ("text/csv, application/json", False),
        ("text/csv, application/json;q=0.9", True),
        ("application/json, text/csv;q=0.5", False),
        ("text/csv;q=0", False),
        ("text/csv;q=high", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/csv, application/problem+json;q=0.9", True),
    ],
)
def test_which_representation(accept: str, csv: bool) -> None:
    assert prefers_csv(accept) is csv
