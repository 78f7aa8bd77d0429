"""The model ports over gRPC: what a port's contract asks of a backend, it asks of a service too."""

from __future__ import annotations

from collections.abc import Sequence

from synres.domain.choice import BackendChoice
from synres.domain.types import Expression, GroupedImage, GroupParams, SegmentedImage
from synres.ports import FoundExpressions, GeneratedImage, GeneratorInput, Image, ObjectView, ScoredMask
from synres.rpc.client import AlignerClient, CaptionerClient, GeneratorClient, GrouperClient, SegmenterClient


class RemoteCaptioner:
    def __init__(self, client: CaptionerClient, choice: BackendChoice) -> None:
        self._client, self._choice = client, choice
        self.model = client.describe(choice).model

    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        return self._client.caption(self._choice, view, n, seed)


class RemoteAligner:
    def __init__(self, client: AlignerClient, choice: BackendChoice) -> None:
        self._client, self._choice = client, choice
        self.model = client.describe(choice).model

    def scores(self, image: Image, expressions: Sequence[Expression]) -> list[float]:
        return self._client.scores(self._choice, image, expressions)


class RemoteGenerator:
    needs_view = True

    def __init__(self, client: GeneratorClient, choice: BackendChoice) -> None:
        self._client, self._choice = client, choice
        self.model = client.describe(choice).model

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        return [GeneratedImage(image) for image in self._client.generate(self._choice, request, seeds)]


class RemoteSegmenter:
    def __init__(self, client: SegmenterClient, choice: BackendChoice) -> None:
        self._client, self._choice = client, choice
        self.model = client.describe(choice).model

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        return self._client.segment(self._choice, image, expressions)


class RemoteGrouper:
    def __init__(self, client: GrouperClient, choice: BackendChoice) -> None:
        self._client, self._choice = client, choice
        self.model = client.describe(choice).model

    def group(self, segmented: SegmentedImage, params: GroupParams) -> GroupedImage:
        return self._client.group(self._choice, segmented, params)
