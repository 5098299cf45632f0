"""The layout that a browser asks for first: with the page of its address, or without one."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from frontend.app import _Dashboard


def served(referer: str | None) -> tuple[dict[str, Any], str]:
    """Properties of `dcc.Location`, and the whole layout as text. Its client can do nothing."""
    answer = asyncio.run(_Dashboard.serve_layout(SimpleNamespace(api=SimpleNamespace()), referer))  # type: ignore[arg-type]
    assert answer.headers["cache-control"] == "no-store"
    text = bytes(answer.body).decode()
    return json.loads(text)["props"]["children"][0]["props"], text


def test_the_page_of_the_address_is_in_it() -> None:
    location, text = served("http://lab.test/nowhere?a=1&b=%20")
    assert (location["pathname"], location["search"]) == ("/nowhere", "?a=1&b=%20")
    assert '"Not found \\u00b7 Dilution Lab"' in text


def test_without_an_address_the_page_is_asked_for_later() -> None:
    for referer in (None, "", "http://lab.test"):
        location, text = served(referer)
        assert location["pathname"] is None
        assert "Skeleton" in text


def test_a_page_that_cannot_be_made_does_not_take_the_layout_with_it() -> None:
    location, text = served("http://lab.test/queue")
    assert location["pathname"] is None, "the router asks again, and shows what is wrong"
    assert "Skeleton" in text
