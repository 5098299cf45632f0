"""Classes of machines as a reader sees them: name, explanation, colour and symbol, the same in every figure."""

from collections.abc import Iterable

from backend.contracts.grid import FROZEN, ITERATIVE, REFERENCE, RETRAINED, REWOUND, SAME_MASK, SECOND_SCHEDULE, TRAINED
from frontend.theme import CATEGORIES, Scheme

_LABELS = {
    TRAINED: "trained from scratch",
    SECOND_SCHEDULE: "second schedule",
    FROZEN: "frozen",
    RETRAINED: "retrained",
    REFERENCE: "reference",
    SAME_MASK: "same mask",
    ITERATIVE: "iterative",
    REWOUND: "rewound",
}
MEANINGS = {
    TRAINED: "trained from scratch at p0",
    SECOND_SCHEDULE: "trained from scratch at p0, by the second of two schedules",
    FROZEN: "trained at p0, pruned to p, and left as it is",
    RETRAINED: "pruned to p, and trained again from the weights that survived",
    REFERENCE: "trained from scratch at p0 = p",
    SAME_MASK: "trained from new weights on the very mask of the frozen machine",
    ITERATIVE: "pruned and trained again, step by step",
    REWOUND: "the same, with the first weights back at each step",
}
_ORDER = tuple(_LABELS)
# Those of the first classes exist in three dimensions too.
_SYMBOLS = {
    FROZEN: "circle",
    RETRAINED: "square",
    REFERENCE: "diamond",
    SAME_MASK: "cross",
    ITERATIVE: "triangle-up",
    REWOUND: "triangle-down",
    TRAINED: "diamond",
}
_PLACES = {FROZEN: 0, RETRAINED: 1, REFERENCE: 2, SAME_MASK: 3, ITERATIVE: 4, REWOUND: 5, TRAINED: 2}


def label(name: str) -> str:
    """What a class is called; of one that this version does not know, its own name."""
    return _LABELS.get(name, name.replace("_", " "))


def labels() -> dict[str, str]:
    """What every class is called, in order."""
    return dict(_LABELS)


def ordered(names: Iterable[str]) -> list[str]:
    """Each class once, in the order in which figures and tables show them."""
    return sorted(set(names), key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


def colour(name: str, scheme: Scheme) -> str:
    """The colour of a class in a theme."""
    return CATEGORIES[scheme][_PLACES.get(name, 5)]


def symbol(name: str) -> str:
    """The marker of a class, which readers tell apart without its colour."""
    return _SYMBOLS.get(name, "x")
