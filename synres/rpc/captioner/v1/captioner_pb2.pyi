from synres.rpc.stage.v1 import stage_pb2 as _stage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunCaptionShardRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: _stage_pb2.ShardRequest
    def __init__(self, shard: _Optional[_Union[_stage_pb2.ShardRequest, _Mapping]] = ...) -> None: ...

class RunCaptionShardResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _stage_pb2.ShardResult
    def __init__(self, result: _Optional[_Union[_stage_pb2.ShardResult, _Mapping]] = ...) -> None: ...

class RunAlignShardRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: _stage_pb2.ShardRequest
    def __init__(self, shard: _Optional[_Union[_stage_pb2.ShardRequest, _Mapping]] = ...) -> None: ...

class RunAlignShardResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _stage_pb2.ShardResult
    def __init__(self, result: _Optional[_Union[_stage_pb2.ShardResult, _Mapping]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("backend", "model", "options", "stage")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    backend: str
    model: str
    options: bytes
    stage: str
    def __init__(self, backend: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ..., stage: _Optional[str] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("model", "stage_version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    model: _stage_pb2.ModelInfo
    stage_version: int
    def __init__(self, model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ..., stage_version: _Optional[int] = ...) -> None: ...

class CaptionRequest(_message.Message):
    __slots__ = ("backend", "view", "n", "seed", "model", "options")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    view: _stage_pb2.ObjectView
    n: int
    seed: int
    model: str
    options: bytes
    def __init__(self, backend: _Optional[str] = ..., view: _Optional[_Union[_stage_pb2.ObjectView, _Mapping]] = ..., n: _Optional[int] = ..., seed: _Optional[int] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class CaptionResponse(_message.Message):
    __slots__ = ("expressions", "model", "shortfall")
    EXPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHORTFALL_FIELD_NUMBER: _ClassVar[int]
    expressions: _containers.RepeatedScalarFieldContainer[str]
    model: _stage_pb2.ModelInfo
    shortfall: str
    def __init__(self, expressions: _Optional[_Iterable[str]] = ..., model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ..., shortfall: _Optional[str] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("backend", "image", "expressions", "model", "options")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    EXPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    image: bytes
    expressions: _containers.RepeatedScalarFieldContainer[str]
    model: str
    options: bytes
    def __init__(self, backend: _Optional[str] = ..., image: _Optional[bytes] = ..., expressions: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("scores", "model")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    model: _stage_pb2.ModelInfo
    def __init__(self, scores: _Optional[_Iterable[float]] = ..., model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ...) -> None: ...
