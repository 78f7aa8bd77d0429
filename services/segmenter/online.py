"""The one handler behind every face of the online endpoint: typed gRPC, Open Inference Protocol, HTTP.

A face turns its message into a `SegmentCall`, calls `Online.segment`, and turns the `SegmentAnswer` into its
message (all in `services.segmenter.answers`). It has its own `Caller` from `Online.authorise`, given the
Authorization header. Errors are classes of `synres.errors`; `synres.rpc.status` has the one table of what
they are in gRPC (`code_of`) and in HTTP (`HTTP`). Overloaded carries `retry_after_s`.
"""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Sequence

import numpy as np

from services.segmenter.admission import WorkAdmission, work_of
from services.segmenter.answers import Caller, Limits, SegmentAnswer, SegmentCall
from services.segmenter.batches import ModelQueue
from services.segmenter.checks import check_expressions, check_masks, check_request_id
from services.segmenter.keys import KeyRing
from services.segmenter.pictures import Pictures, Prepared
from services.segmenter.settings import SegmenterSettings
from services.segmenter.uploads import Uploads
from synres import telemetry
from synres.data.images import encode_png, open_image
from synres.domain.choice import BackendChoice, choose
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput, PermissionDenied, SynresError, Unauthenticated
from synres.rpc.calls import ModelCalls
from synres.stages.backends import SegmenterBackends

_WARM_UP = encode_png(np.full((96, 128, 3), 127, np.uint8))
_WARM_UP_S = 1800.0  # gigabytes of weights are read, and a GPU's first call is slow


class Online:
    """Thread-safe; every call blocks until its answer is there. `calls` is shared with the stage calls."""

    def __init__(
        self, settings: SegmenterSettings, backends: SegmenterBackends, calls: ModelCalls, uploads: Uploads
    ) -> None:
        self.settings = settings
        self.served = choose(settings.segmenter_backend, settings.segmenter_model, settings.segmenter_options)
        self.limits = Limits(
            settings.segmenter_max_image_bytes,
            settings.segmenter_max_pixels,
            settings.segmenter_max_expressions,
            settings.segmenter_max_expression_chars,
            settings.segmenter_max_pictures,
        )
        self._backends, self._uploads = backends, uploads
        keys = settings.segmenter_keys
        self._keys = KeyRing(keys, settings.segmenter_key_rate) if keys else None
        self._token = settings.token.get_secret_value() if settings.token else None
        self._admission = WorkAdmission("segmenter", settings.segmenter_queue_s, settings.segmenter_max_calls)
        self._queue = ModelQueue(calls, settings.segmenter_batch)
        self._pictures = Pictures(self._queue, self._admission, places=2 * settings.segmenter_batch)
        self._is_warm, self._why_cold = False, ""

    def authorise(self, authorization: str) -> Caller:
        """`authorization`: the header, "" without one. Raises Unauthenticated, or Overloaded past the key's
        rate. Ask once for each call."""
        scheme, _, secret = authorization.partition(" ")
        given = secret.strip() if scheme.lower() == "bearer" else ""
        if self._token is not None and hmac.compare_digest(given.encode(), self._token.encode()):
            return Caller("", may_choose=True)
        if self._keys is not None and given:
            return Caller(self._keys.admit(given), may_choose=False)
        if not self.needs_key:
            # without token and keys it listens on loopback only, unless somebody said that any may call
            return Caller("", may_choose=self.settings.segmenter_auth == "on")
        raise Unauthenticated("an API key is needed: send it as `Authorization: Bearer KEY`")

    @property
    def name(self) -> str:
        """Of the served model, in the Open Inference Protocol."""
        return self.served.backend

    @property
    def needs_key(self) -> bool:
        """Whether `authorise` refuses a caller without one."""
        is_open = self._token is None and self._keys is None
        return not is_open and self.settings.segmenter_auth == "on"

    def model(self, choice: BackendChoice | None = None) -> ModelInfo:
        """What answers; loads it if it must. Raises NotFound, InvalidInput or BackendUnavailable."""
        return self._backends.get(choice or self.served).model

    def upload(self, caller: Caller, image: bytes) -> str:
        """Keeps a picture for a day; its digest. Raises as `segment` does for one that is none."""
        open_image(image, self.limits.max_image_bytes, self.limits.max_pixels)
        return self._uploads.put(caller.key_id, image)

    def segment(self, call: SegmentCall) -> SegmentAnswer:
        """Raises InvalidInput and RejectedItem for bad input, NotFound for a digest that this key did not
        upload, PermissionDenied for a backend of its own choice, Overloaded, DeadlineExceeded, CallCancelled,
        BackendUnavailable."""
        (answer,) = self.segment_all([call])
        if isinstance(answer, SynresError):
            raise answer
        return answer

    def segment_all(self, calls: Sequence[SegmentCall]) -> list[SegmentAnswer | SynresError]:
        """Several pictures of one caller, admitted as one; what is wrong with one is its own answer."""
        if not 1 <= len(calls) <= self.limits.max_pictures:
            raise InvalidInput(f"{len(calls)} pictures in one call; send 1 to {self.limits.max_pictures}")
        received_s = time.monotonic()
        prepared = [self._prepared(call, received_s) for call in calls]
        good = [each for each in prepared if isinstance(each, Prepared)]
        answers = iter(self._answered(good) if good else ())
        return [next(answers) if isinstance(each, Prepared) else each for each in prepared]

    def warm_up(self) -> None:
        """Loads the served model and asks it; then the endpoint is ready. Raises as `segment`."""
        expressions, deadline_s = ("the red circle", "the blue square"), time.monotonic() + _WARM_UP_S
        call = SegmentCall(Caller("", may_choose=True), _WARM_UP, expressions, deadline_s=deadline_s)
        self.segment(call)
        self.segment(call)
        self._is_warm = True

    def is_ready(self) -> bool:
        """After the warm-up."""
        return self._is_warm

    def get_ready(self) -> bool:
        """`is_ready`, after one more try to warm up; why it failed is logged once."""
        if not self._is_warm:
            try:
                self.warm_up()
            except SynresError as error:
                if error.message != self._why_cold:
                    self._why_cold = error.message
                    telemetry.log.error("not ready", code=error.code, error=error.message)
        return self._is_warm

    def chosen(self, caller: Caller, choice: BackendChoice | None, weights: str = "") -> BackendChoice:
        """The one that is served, for None and for an empty backend. Raises PermissionDenied, and
        InvalidInput for a model without a backend."""
        if choice and not choice.backend and (choice.model or choice.options):
            raise InvalidInput("a model or options without a backend: name the backend too")
        wanted = choice if choice and choice.backend else self.served
        if (wanted != self.served or weights) and not caller.may_choose:
            raise PermissionDenied(f"this endpoint serves {self.served.label}; leave backend and weights out")
        return wanted

    def _answered(self, good: Sequence[Prepared]) -> list[SegmentAnswer | SynresError]:
        deadline_s = min(each.deadline_s for each in good)
        work = work_of((each.opened.pixels, len(each.call.expressions)) for each in good)
        with self._admission.place(work, deadline_s - time.monotonic()):
            return self._pictures.answer(good, deadline_s)

    def _prepared(self, call: SegmentCall, received_s: float) -> Prepared | SynresError:
        try:
            return self._prepare(call, received_s)
        except SynresError as error:
            return error

    def _prepare(self, call: SegmentCall, received_s: float) -> Prepared:
        check_expressions(call.expressions, self.limits)
        choice = self.chosen(call.caller, call.choice, call.weights)
        if call.image and call.digest:
            raise InvalidInput("send a picture or the digest of one, not both")
        if not call.image and not call.digest:
            raise InvalidInput("no picture: send its file, or the digest of one that this key uploaded")
        check_request_id(call.request_id)
        data = self._uploads.get(call.caller.key_id, call.digest) if call.digest else call.image
        opened = open_image(data, self.limits.max_image_bytes, self.limits.max_pixels)
        check_masks(opened, call.expressions)
        segmenter = self._backends.get_trained(choice, call.weights)
        request_id = call.request_id or uuid.uuid4().hex
        deadline_s = call.deadline_s or received_s + self.settings.segmenter_timeout_s
        return Prepared(call, opened, segmenter, deadline_s, request_id, received_s)
