from synres.rpc.stage.v1 import stage_pb2 as _stage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunGenerateShardRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: _stage_pb2.ShardRequest
    def __init__(self, shard: _Optional[_Union[_stage_pb2.ShardRequest, _Mapping]] = ...) -> None: ...

class RunGenerateShardResponse(_message.Message):
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

class GenerateRequest(_message.Message):
    __slots__ = ("backend", "prompt", "expressions", "seeds", "view", "model", "options")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    EXPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    prompt: str
    expressions: _containers.RepeatedScalarFieldContainer[str]
    seeds: _containers.RepeatedScalarFieldContainer[int]
    view: _stage_pb2.ObjectView
    model: str
    options: bytes
    def __init__(self, backend: _Optional[str] = ..., prompt: _Optional[str] = ..., expressions: _Optional[_Iterable[str]] = ..., seeds: _Optional[_Iterable[int]] = ..., view: _Optional[_Union[_stage_pb2.ObjectView, _Mapping]] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("images", "model")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedScalarFieldContainer[bytes]
    model: _stage_pb2.ModelInfo
    def __init__(self, images: _Optional[_Iterable[bytes]] = ..., model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ...) -> None: ...
