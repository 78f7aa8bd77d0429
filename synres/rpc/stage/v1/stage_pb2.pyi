from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Rle(_message.Message):
    __slots__ = ("height", "width", "counts")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    counts: str
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., counts: _Optional[str] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "digest", "licence", "bitwise")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    BITWISE_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    licence: str
    bitwise: bool
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., licence: _Optional[str] = ..., bitwise: _Optional[bool] = ...) -> None: ...

class ShardRequest(_message.Message):
    __slots__ = ("stage", "action", "inputs", "params")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    action: str
    inputs: _containers.RepeatedScalarFieldContainer[str]
    params: bytes
    def __init__(self, stage: _Optional[str] = ..., action: _Optional[str] = ..., inputs: _Optional[_Iterable[str]] = ..., params: _Optional[bytes] = ...) -> None: ...

class ShardResult(_message.Message):
    __slots__ = ("action", "outputs", "counts", "cost", "cached", "rejections")
    class OutputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class CostEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    action: str
    outputs: _containers.ScalarMap[str, str]
    counts: _containers.ScalarMap[str, int]
    cost: _containers.ScalarMap[str, float]
    cached: bool
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    def __init__(self, action: _Optional[str] = ..., outputs: _Optional[_Mapping[str, str]] = ..., counts: _Optional[_Mapping[str, int]] = ..., cost: _Optional[_Mapping[str, float]] = ..., cached: _Optional[bool] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("item", "reason")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    item: str
    reason: str
    def __init__(self, item: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ObjectView(_message.Message):
    __slots__ = ("image", "mask", "category", "others")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    mask: Rle
    category: str
    others: _containers.RepeatedCompositeFieldContainer[SceneMask]
    def __init__(self, image: _Optional[bytes] = ..., mask: _Optional[_Union[Rle, _Mapping]] = ..., category: _Optional[str] = ..., others: _Optional[_Iterable[_Union[SceneMask, _Mapping]]] = ...) -> None: ...

class SceneMask(_message.Message):
    __slots__ = ("category", "mask")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    category: str
    mask: Rle
    def __init__(self, category: _Optional[str] = ..., mask: _Optional[_Union[Rle, _Mapping]] = ...) -> None: ...
