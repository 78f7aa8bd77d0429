from synres.rpc.stage.v1 import stage_pb2 as _stage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAINING_STATE_UNSPECIFIED: _ClassVar[TrainingState]
    TRAINING_STATE_RUNNING: _ClassVar[TrainingState]
    TRAINING_STATE_SUCCEEDED: _ClassVar[TrainingState]
    TRAINING_STATE_FAILED: _ClassVar[TrainingState]
TRAINING_STATE_UNSPECIFIED: TrainingState
TRAINING_STATE_RUNNING: TrainingState
TRAINING_STATE_SUCCEEDED: TrainingState
TRAINING_STATE_FAILED: TrainingState

class SubmitTrainingRequest(_message.Message):
    __slots__ = ("shard", "run")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    shard: _stage_pb2.ShardRequest
    run: str
    def __init__(self, shard: _Optional[_Union[_stage_pb2.ShardRequest, _Mapping]] = ..., run: _Optional[str] = ...) -> None: ...

class SubmitTrainingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTrainingRequest(_message.Message):
    __slots__ = ("action",)
    ACTION_FIELD_NUMBER: _ClassVar[int]
    action: str
    def __init__(self, action: _Optional[str] = ...) -> None: ...

class GetTrainingResponse(_message.Message):
    __slots__ = ("state", "progress", "message", "facts", "code")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    state: TrainingState
    progress: float
    message: str
    facts: _containers.ScalarMap[str, float]
    code: str
    def __init__(self, state: _Optional[_Union[TrainingState, str]] = ..., progress: _Optional[float] = ..., message: _Optional[str] = ..., facts: _Optional[_Mapping[str, float]] = ..., code: _Optional[str] = ...) -> None: ...

class GetTrainingLogRequest(_message.Message):
    __slots__ = ("action",)
    ACTION_FIELD_NUMBER: _ClassVar[int]
    action: str
    def __init__(self, action: _Optional[str] = ...) -> None: ...

class GetTrainingLogResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[_Iterable[str]] = ...) -> None: ...

class CancelTrainingRequest(_message.Message):
    __slots__ = ("action", "run")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    action: str
    run: str
    def __init__(self, action: _Optional[str] = ..., run: _Optional[str] = ...) -> None: ...

class CancelTrainingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("stage", "backend", "model", "options")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    backend: str
    model: str
    options: bytes
    def __init__(self, stage: _Optional[str] = ..., backend: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("model", "stage_version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    model: _stage_pb2.ModelInfo
    stage_version: int
    def __init__(self, model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ..., stage_version: _Optional[int] = ...) -> None: ...
