"""Messages on their way to a server: each holds a thread, so they have an end, in number and in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import grpc

from synres.errors import CallCancelled, InvalidInput, Overloaded

LONGEST_S = 30.0
_LOOK_S = 1.0


class Reading:
    """At most `most` of those that are counted at a time; whoever takes longer than `longest_s` is cut off.

    gRPC reads a message in a thread of its pool, for ever if it does not come: a few callers that send
    nothing would leave none for others, nor for whoever asks the service's health.
    """

    def __init__(self, most: int, longest_s: float = LONGEST_S) -> None:
        self._most, self._longest_s = most, longest_s
        self._lock = threading.Lock()
        self._begun: dict[int, tuple[float, bool, Callable[[], object]]] = {}
        self._counted = 0

    def message(self, requests: Iterator[bytes], context: grpc.ServicerContext, is_counted: bool) -> bytes:
        """The call's one message. Raises Overloaded, InvalidInput for none, CallCancelled if it is late."""
        self._begin(context, is_counted)
        try:
            return next(requests)
        except StopIteration as error:
            raise InvalidInput("the call brings no message") from error
        except grpc.RpcError as error:
            raise CallCancelled("the message did not come in time, or its caller went away") from error
        finally:
            self._end(context)

    def watch(self, stopped: threading.Event) -> None:
        """Cuts off who is late, until `stopped`."""
        while not stopped.wait(min(_LOOK_S, self._longest_s)):
            oldest_s = time.monotonic() - self._longest_s
            with self._lock:
                late = [cancel for since_s, _, cancel in self._begun.values() if since_s < oldest_s]
            for cancel in late:
                cancel()

    def _begin(self, context: grpc.ServicerContext, is_counted: bool) -> None:
        with self._lock:
            if is_counted and self._counted >= self._most:
                raise Overloaded("as many calls as there may be are sending their message", _LOOK_S)
            self._counted += is_counted
            self._begun[id(context)] = time.monotonic(), is_counted, context.cancel

    def _end(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            self._counted -= self._begun.pop(id(context))[1]
