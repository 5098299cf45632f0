"""Looking into component trees without a browser."""

from collections.abc import Iterator
from typing import Any

from dash.development.base_component import Component


def walk(part: Any) -> Iterator[Component]:
    """Every component below `part`, itself included, also those in properties other than children."""
    if isinstance(part, list | tuple):
        for one in part:
            yield from walk(one)
    elif isinstance(part, Component):
        yield part
        for name in part._prop_names:
            value = getattr(part, name, None)
            if isinstance(value, Component | list | tuple):
                yield from walk(value)


def by_id(part: Any, identity: Any) -> Component:
    found = [one for one in walk(part) if getattr(one, "id", None) == identity]
    assert len(found) == 1, f"{len(found)} components with id {identity!r}"
    return found[0]


def text(part: Any) -> str:
    """Everything that a reader would read."""
    if isinstance(part, list | tuple):
        return " ".join(map(text, part))
    if isinstance(part, Component):
        return text(getattr(part, "children", None))
    return "" if part is None else str(part)
