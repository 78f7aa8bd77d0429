"""Work done ahead of its turn, by threads: decoding and resizing leave the interpreter to others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")


def ahead(make: Callable[[Key], Made], keys: Iterable[Key], workers: int) -> Iterator[Made]:
    """`make` of each key, in order; up to `workers` of them are under way while one is used, 0: none.

    What `make` raises is raised where its result would be.
    """
    if not workers:
        yield from map(make, keys)
        return
    with ThreadPoolExecutor(workers, "ahead") as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for key in keys:
                waiting.append(pool.submit(make, key))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
