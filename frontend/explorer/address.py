"""Addresses of the explorer, as `page/address.js` reads them."""

from urllib.parse import urlencode

USUAL_RULE = "magnitude"


def explorer_at(machine_id: str, pruning: float | None = None, rule: str = USUAL_RULE) -> str:
    """The explorer with a machine, pruned to a level by a rule; as it was trained without a level."""
    query = {"m": machine_id}
    if pruning is not None:
        query["p"] = f"{pruning:g}"
    if rule != USUAL_RULE:
        query["r"] = rule[0]
    return f"/?{urlencode(query)}"
