"""What went wrong with an answer, from pixel counts alone."""

from __future__ import annotations

FALSE_ALARM, MISSED, WRONG_INSTANCE = "false_alarm", "missed", "wrong_instance"
OVER_SEGMENTED, UNDER_SEGMENTED = "over_segmented", "under_segmented"
FAILURES = (OVER_SEGMENTED, UNDER_SEGMENTED, WRONG_INSTANCE, MISSED, FALSE_ALARM)


def failure_of(intersection: int, predicted_area: int, target_area: int) -> str:
    """One of `FAILURES`, or "" for an answer that holds. All in pixels; I, P and T below.

    The first rule that fits, in integers, so that no tie depends on rounding:

    - `false_alarm`: there is no target (T = 0), and a mask (P > 0).
    - `missed`: there is a target, and no mask (P = 0).
    - "": both are empty, or IoU >= 1/2, that is 2 I >= P + T - I.
    - `wrong_instance`: neither contains the other: less than half of the smaller of the two lies in the
      larger, 2 I < min(P, T).
    - `over_segmented`: at least half of the target is found, and too much beside it: P >= T.
    - `under_segmented`: at least half of the mask is right, and too little of the target is in it: P < T.

    >>> failure_of(intersection=40, predicted_area=200, target_area=50)
    'over_segmented'
    """
    if not target_area:
        return FALSE_ALARM if predicted_area else ""
    if not predicted_area:
        return MISSED
    if 3 * intersection >= predicted_area + target_area:
        return ""
    if 2 * intersection < min(predicted_area, target_area):
        return WRONG_INSTANCE
    return OVER_SEGMENTED if predicted_area >= target_area else UNDER_SEGMENTED
