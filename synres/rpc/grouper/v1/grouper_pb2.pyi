from synres.rpc.stage.v1 import stage_pb2 as _stage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunGroupShardRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: _stage_pb2.ShardRequest
    def __init__(self, shard: _Optional[_Union[_stage_pb2.ShardRequest, _Mapping]] = ...) -> None: ...

class RunGroupShardResponse(_message.Message):
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

class GroupRequest(_message.Message):
    __slots__ = ("backend", "pseudo_masks", "params", "model", "options")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    PSEUDO_MASKS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    pseudo_masks: _containers.RepeatedCompositeFieldContainer[PseudoMask]
    params: GroupParams
    model: str
    options: bytes
    def __init__(self, backend: _Optional[str] = ..., pseudo_masks: _Optional[_Iterable[_Union[PseudoMask, _Mapping]]] = ..., params: _Optional[_Union[GroupParams, _Mapping]] = ..., model: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class GroupResponse(_message.Message):
    __slots__ = ("groups", "dropped", "agreement", "model")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    dropped: _containers.RepeatedCompositeFieldContainer[Dropped]
    agreement: Agreement
    model: _stage_pb2.ModelInfo
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., dropped: _Optional[_Iterable[_Union[Dropped, _Mapping]]] = ..., agreement: _Optional[_Union[Agreement, _Mapping]] = ..., model: _Optional[_Union[_stage_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class PseudoMask(_message.Message):
    __slots__ = ("expression", "mask", "score")
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    expression: str
    mask: _stage_pb2.Rle
    score: float
    def __init__(self, expression: _Optional[str] = ..., mask: _Optional[_Union[_stage_pb2.Rle, _Mapping]] = ..., score: _Optional[float] = ...) -> None: ...

class GroupParams(_message.Message):
    __slots__ = ("tau", "agreement", "linkage", "min_members", "consensus")
    TAU_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    LINKAGE_FIELD_NUMBER: _ClassVar[int]
    MIN_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CONSENSUS_FIELD_NUMBER: _ClassVar[int]
    tau: float
    agreement: str
    linkage: str
    min_members: int
    consensus: str
    def __init__(self, tau: _Optional[float] = ..., agreement: _Optional[str] = ..., linkage: _Optional[str] = ..., min_members: _Optional[int] = ..., consensus: _Optional[str] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("members", "consensus_mask")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CONSENSUS_MASK_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedScalarFieldContainer[int]
    consensus_mask: _stage_pb2.Rle
    def __init__(self, members: _Optional[_Iterable[int]] = ..., consensus_mask: _Optional[_Union[_stage_pb2.Rle, _Mapping]] = ...) -> None: ...

class Dropped(_message.Message):
    __slots__ = ("member", "reason")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    member: int
    reason: str
    def __init__(self, member: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Agreement(_message.Message):
    __slots__ = ("areas", "rows", "pixels")
    AREAS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    areas: _containers.RepeatedScalarFieldContainer[int]
    rows: _containers.RepeatedCompositeFieldContainer[AgreementRow]
    pixels: int
    def __init__(self, areas: _Optional[_Iterable[int]] = ..., rows: _Optional[_Iterable[_Union[AgreementRow, _Mapping]]] = ..., pixels: _Optional[int] = ...) -> None: ...

class AgreementRow(_message.Message):
    __slots__ = ("intersections",)
    INTERSECTIONS_FIELD_NUMBER: _ClassVar[int]
    intersections: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, intersections: _Optional[_Iterable[int]] = ...) -> None: ...
