"""Numbers, times and states as a reader sees them."""

from datetime import UTC, datetime

NO_WORKER_HINT = "make worker"
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def duration(seconds: float) -> str:
    """Seconds as a person says them: `40 s`, `3 min`, `1.5 h`, `2 d`."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{seconds:.0f} s"


def eta(low: float | None, high: float | None) -> str | None:
    """The range of the time left, or None while no speed has been measured."""
    if low is None or high is None:
        return None
    if high < 1:
        return "less than 1 s left"
    first, last = duration(low), duration(high)
    if first == last:
        return f"about {last} left"
    (number, unit), (_, last_unit) = first.split(), last.split()
    return f"{number} to {last} left" if unit == last_unit else f"{first} to {last} left"


def age(then: datetime, now: datetime | None = None) -> str:
    """How long ago: `now`, `3 min ago`."""
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    return "now" if seconds < 2 else f"{duration(seconds)} ago"


def quantity(value: float) -> str:
    """A large count with a decimal prefix: `2.1 M`."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{_two_digits(value / size)} {prefix}"
    return f"{value:.3g}"


def scientific(value: float | None) -> str:
    """A measured value with three digits; `n/a` where there is none."""
    return "n/a" if value is None else f"{value:.3g}"


def size(num_bytes: int) -> str:
    """A file size: `617 kB`."""
    return f"{quantity(num_bytes)}B"


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")
