"""Which object of a picture an expression names, with room for what two people might dispute.

Each claim has a sure zone and a never zone with a gap between them ("on the left" is sure 12% left of the
centre line and never right of 6%). An object is a rival unless one claim is never true of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from synres.data.claims import EXTREMES, NEAREST, ONLY, RANKS, SIZES, Claims
from synres.data.facts import Facts

SURE, MAYBE = 0.12, 0.06
"""Depths inside a place, and gaps of a relation, in picture sides."""
SIZE_RATIO = 1.3
GAP = 0.04
DISTANCE_RATIO = 1.25
_MIDDLE = 0.24


def named(claims: Claims, scene: Sequence[Facts]) -> int | None:
    """Index of the one object that the claims name without doubt, or None."""
    landmark = named(claims.landmark, scene) if claims.landmark else None
    return None if claims.landmark and landmark is None else named_beside(claims, landmark, scene)


def named_beside(claims: Claims, landmark: int | None, scene: Sequence[Facts]) -> int | None:
    """`named` for callers that know which object the claims' landmark is; None without a landmark."""
    anchor = None if landmark is None else scene[landmark]
    sure = []
    for index, facts in enumerate(scene):
        if facts.area == 0 or index == landmark or _never(claims, facts, anchor):
            continue
        if not _surely(claims, facts, anchor):
            return None
        sure.append(index)
    if claims.relation == NEAREST and anchor is not None:
        return _nearest(anchor, sure, scene)
    if claims.order in ("", ONLY):
        return sure[0] if len(sure) == 1 else None
    return _ordered(claims.order, sure, scene)


def true_places(facts: Facts) -> list[str]:
    """Places that surely hold, by name."""
    return [place for place, depth in _depths(facts).items() if depth >= SURE]


def true_relations(facts: Facts, anchor: Facts) -> list[str]:
    """Relations to the anchor that surely hold, "nearest to" aside."""
    return [relation for relation, gap in _gaps(facts, anchor).items() if gap >= SURE]


def _surely(claims: Claims, facts: Facts, anchor: Facts | None) -> bool:
    return (
        claims.noun in ("", facts.category)
        and claims.colour in ("", facts.colour)
        and _room(claims, facts, anchor) >= SURE
    )


def _never(claims: Claims, facts: Facts, anchor: Facts | None) -> bool:
    return (
        claims.noun not in ("", facts.category)
        or (claims.colour != "" and facts.cannot_be(claims.colour))
        or _room(claims, facts, anchor) < MAYBE
    )


def _room(claims: Claims, facts: Facts, anchor: Facts | None) -> float:
    """By how much the weaker of the claims on place and relation holds; infinite without such claims."""
    depth = _depths(facts)[claims.place] if claims.place else math.inf
    related = anchor is not None and claims.relation not in ("", NEAREST)
    return min(depth, _gaps(facts, anchor)[claims.relation]) if related and anchor else depth


def _depths(facts: Facts) -> dict[str, float]:
    off_centre = max(abs(facts.x - 0.5), abs(facts.y - 0.5))
    return {
        "left": 0.5 - facts.x,
        "right": facts.x - 0.5,
        "top": 0.5 - facts.y,
        "bottom": facts.y - 0.5,
        "middle": _MIDDLE - off_centre,
    }


def _gaps(facts: Facts, anchor: Facts) -> dict[str, float]:
    """How far on each side of the anchor; what lies mostly above it is not left of it."""
    right, down = facts.x - anchor.x, facts.y - anchor.y
    return {
        "left of": -right - abs(down) / 2,
        "right of": right - abs(down) / 2,
        "above": -down - abs(right) / 2,
        "below": down - abs(right) / 2,
    }


def _ordered(order: str, candidates: Sequence[int], scene: Sequence[Facts]) -> int | None:
    rank, _, side = order.partition(" ")
    if rank in SIZES:
        sign = 1 if rank == "largest" else -1
        return _pick(candidates, 0, lambda i: -sign * math.log(scene[i].area), math.log(SIZE_RATIO))
    toward = side or EXTREMES[rank]
    return _pick(
        candidates, RANKS.index(rank) + 1 if side else 0, lambda i: _from_side(toward, scene[i]), GAP
    )


def _from_side(side: str, facts: Facts) -> float:
    return {"left": facts.x, "right": -facts.x, "top": facts.y, "bottom": -facts.y}[side]


def _nearest(anchor: Facts, candidates: Sequence[int], scene: Sequence[Facts]) -> int | None:
    distance = lambda i: math.log(max(1e-6, math.hypot(scene[i].x - anchor.x, scene[i].y - anchor.y)))
    return _pick(candidates, 0, distance, math.log(DISTANCE_RATIO))


def _pick(candidates: Sequence[int], place: int, key: Callable[[int], float], gap: float) -> int | None:
    """The candidate at `place` by `key`, ascending, if a gap parts it from its neighbours (at least one)."""
    ranking = sorted(candidates, key=key)
    if len(ranking) < 2 or place >= len(ranking):
        return None
    neighbours = [i for i in (place - 1, place + 1) if 0 <= i < len(ranking)]
    clear = all(abs(key(ranking[place]) - key(ranking[i])) >= gap for i in neighbours)
    return ranking[place] if clear else None
