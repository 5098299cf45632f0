"""The scripts that pages load where they need them."""

import re
from pathlib import Path

import plotly

from frontend import bundles


def _version(script: Path) -> str:
    found = re.search(r"plotly[.]js (?:[(]basic - minified[)] )?v([0-9.]+)", script.read_text(encoding="utf-8")[:300])
    assert found is not None
    return found.group(1)


def test_the_basic_bundle_is_of_the_version_of_the_whole() -> None:
    """Two versions would draw one figure: raise both together (frontend/assets/plotly/NOTICES.txt)."""
    whole = Path(plotly.__file__).parent / bundles.PLOTLY
    assert _version(bundles.ASSETS / bundles.PLOTLY_BASIC) == _version(whole)
