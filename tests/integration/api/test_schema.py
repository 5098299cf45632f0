"""The OpenAPI document against the running API: schemathesis sends what it allows and what it forbids."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.api.conftest import Live

ENDLESS = "/api/v1/events"  # has tests of its own
bounded = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_answers_are_as_described(still: Live, mode: schemathesis.GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{still.url}/api/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 25

    for operation in operations:
        takes_something = bool(operation.body) or any(True for _ in operation.iter_parameters())
        if operation.path == ENDLESS or (mode.is_negative and not takes_something):
            continue

        @bounded
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: schemathesis.Case) -> None:
            # A study's type validates its parameters beyond what the document can say.
            case.call_and_validate(excluded_checks=[positive_data_acceptance], timeout=30)

        answers()
