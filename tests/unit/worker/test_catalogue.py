"""The catalogue says what the worker has, and the check sees when it does not."""

from pathlib import Path

import pytest

from backend.contracts.catalogue import catalogue
from worker.catalogue import FILE, collect, main


def test_the_committed_catalogue_is_what_the_worker_offers() -> None:
    assert catalogue() == collect()
    assert main(["--check"]) == 0, "run `python -m worker.catalogue` and commit the file"


def test_every_family_and_data_set_is_there() -> None:
    whole = collect()
    assert {metric.name for metric in whole.metrics} >= {"second_moment_error", "pseudo_log_likelihood"}
    assert {rule.name for rule in whole.pruning_rules} >= {"magnitude", "random"}
    assert [dataset.name for dataset in whole.datasets] == ["mnist"]
    assert whole.samplers


@pytest.mark.parametrize("text", [None, "", FILE.read_text(encoding="utf-8").replace("magnitude", "magnitudes")])
def test_the_check_refuses_a_missing_or_stale_file_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "catalogue.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["--check", "--file", str(file)]) == 1
    assert "is stale: run" in capsys.readouterr().err
    assert main(["--file", str(file)]) == 0
    assert main(["--check", "--file", str(file)]) == 0
