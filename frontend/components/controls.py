"""Small controls of figures."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash.development.base_component import Component

from frontend.plots.bands import LABELS, band_of


def select(identity: str, title: str, options: Mapping[str, str], value: str | None, width: int = 130) -> Component:
    """A choice without a visible label."""
    data = [{"value": one, "label": label} for one, label in options.items()]
    own = {"allowDeselect": False, "size": "xs", "w": width, "aria-label": title}
    return dmc.Select(id=identity, data=data, value=value, **own)


def band_select(identity: str, asked: str | None, bands: Sequence[str] = tuple(LABELS)) -> Component:
    """Which band stands around a mean."""
    value = band_of(asked)
    options = {band: label for band, label in LABELS.items() if band in bands}
    return select(identity, "Band", options, value if value in options else next(iter(options)))


def switch(identity: str, label: str, query: Mapping[str, str]) -> Component:
    """Something that is on or off; its name in the address is the last word of its id."""
    return dmc.Switch(id=identity, label=label, checked=query.get(identity.rsplit("-", 1)[-1]) == "1", size="xs")
