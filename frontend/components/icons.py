"""Icons as files of this dashboard, drawn in the colour of their text."""

from dash import html

NAMES = ("sun", "moon", "system")


def icon(name: str, label: str, size: int = 16) -> html.Span:
    """An icon with a name for readers that do not see it.

    Raises:
        ValueError: there is no such icon.
    """
    if name not in NAMES:
        raise ValueError(f"{name!r} is not an icon: {', '.join(NAMES)}")
    mask = f"url(/assets/icons/{name}.svg) center / contain no-repeat"
    style = {"display": "block", "width": size, "height": size, "background": "currentColor", "mask": mask}
    return html.Span(style=style, role="img", title=label, **{"aria-label": label})
