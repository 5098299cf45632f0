"""Which representation a client prefers."""


def prefers_csv(accept: str) -> bool:
    """Whether an Accept header wants CSV more than JSON (RFC 9110, section 12.5.1)."""
    return quality(accept, "text/csv") > quality(accept, "application/json")


def quality(accept: str, media_type: str) -> float:
    """The weight of a media type in an Accept header: 0 when it is not accepted, 1 when there is no header."""
    if not accept.strip():
        return 1.0 if media_type == "application/json" else 0.0
    kind = media_type.split("/", maxsplit=1)[0]
    weights = dict(map(_read, accept.split(",")))
    for pattern in (media_type, f"{kind}/*", "*/*"):
        if pattern in weights:
            return weights[pattern]
    return 0.0


def _read(entry: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in entry.split(";"))
    weight = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 0.0
