from synres.rpc.stage.v1 import stage_pb2 as _stage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunSegmentShardRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: _stage_pb2.ShardRequest
    def __init__(self, shard: _Optional[_Union[_stage_pb2.ShardRequest, _Mapping]] = ...) -> None: ...

class RunSegmentShardResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _stage_pb2.ShardResult
    def __init__(self, result: _Optional[_Union[_stage_pb2.ShardResult, _Mapping]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("backend", "model", "options")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    model: str
    options: bytes
    def __init__(self, backend: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("model", "stage_version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    model: _stage_pb2.ModelInfo
    stage_version: int
    def __init__(self, model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ..., stage_version: _Optional[int] = ...) -> None: ...

class SegmentRequest(_message.Message):
    __slots__ = ("backend", "image", "expressions", "weights", "model", "options")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    EXPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    image: bytes
    expressions: _containers.RepeatedScalarFieldContainer[str]
    weights: str
    model: str
    options: bytes
    def __init__(self, backend: _Optional[str] = ..., image: _Optional[bytes] = ..., expressions: _Optional[_Iterable[str]] = ..., weights: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class SegmentResponse(_message.Message):
    __slots__ = ("masks", "model")
    MASKS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    masks: _containers.RepeatedCompositeFieldContainer[ScoredMask]
    model: _stage_pb2.ModelInfo
    def __init__(self, masks: _Optional[_Iterable[_Union[ScoredMask, _Mapping]]] = ..., model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class ScoredMask(_message.Message):
    __slots__ = ("mask", "score")
    MASK_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    mask: _stage_pb2.Rle
    score: float
    def __init__(self, mask: _Optional[_Union[_stage_pb2.Rle, _Mapping]] = ..., score: _Optional[float] = ...) -> None: ...
