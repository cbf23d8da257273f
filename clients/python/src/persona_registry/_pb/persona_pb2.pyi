import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PersonaView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERSONA_VIEW_UNSPECIFIED: _ClassVar[PersonaView]
    PERSONA_VIEW_BASIC: _ClassVar[PersonaView]
    PERSONA_VIEW_FULL: _ClassVar[PersonaView]

class Dialect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIALECT_UNSPECIFIED: _ClassVar[Dialect]
    DIALECT_PERSONA: _ClassVar[Dialect]
    DIALECT_CLAUDE_CODE: _ClassVar[Dialect]
    DIALECT_SKILL: _ClassVar[Dialect]
    DIALECT_COPILOT: _ClassVar[Dialect]
    DIALECT_OPEN_CODE: _ClassVar[Dialect]
    DIALECT_GEMINI: _ClassVar[Dialect]
    DIALECT_CURSOR: _ClassVar[Dialect]
    DIALECT_MARKDOWN: _ClassVar[Dialect]

class Profile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROFILE_UNSPECIFIED: _ClassVar[Profile]
    PROFILE_PLAIN: _ClassVar[Profile]
    PROFILE_STRUCTURED: _ClassVar[Profile]
    PROFILE_STRICT: _ClassVar[Profile]
PERSONA_VIEW_UNSPECIFIED: PersonaView
PERSONA_VIEW_BASIC: PersonaView
PERSONA_VIEW_FULL: PersonaView
DIALECT_UNSPECIFIED: Dialect
DIALECT_PERSONA: Dialect
DIALECT_CLAUDE_CODE: Dialect
DIALECT_SKILL: Dialect
DIALECT_COPILOT: Dialect
DIALECT_OPEN_CODE: Dialect
DIALECT_GEMINI: Dialect
DIALECT_CURSOR: Dialect
DIALECT_MARKDOWN: Dialect
PROFILE_UNSPECIFIED: Profile
PROFILE_PLAIN: Profile
PROFILE_STRUCTURED: Profile
PROFILE_STRICT: Profile

class Waiver(_message.Message):
    __slots__ = ("rule", "reason")
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    rule: str
    reason: str
    def __init__(self, rule: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Persona(_message.Message):
    __slots__ = ("namespace", "name", "version", "revision", "etag", "digest", "display_name", "description", "tag", "dialect", "labels", "model", "tools", "fields", "outline", "interaction", "size_bytes", "token_estimate", "create_time", "actor", "message", "origin", "front_matter", "body", "purged", "waivers")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    OUTLINE_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FRONT_MATTER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    PURGED_FIELD_NUMBER: _ClassVar[int]
    WAIVERS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    version: int
    revision: int
    etag: str
    digest: str
    display_name: str
    description: str
    tag: str
    dialect: Dialect
    labels: _containers.ScalarMap[str, str]
    model: str
    tools: _containers.RepeatedScalarFieldContainer[str]
    fields: _struct_pb2.Struct
    outline: _containers.RepeatedCompositeFieldContainer[Section]
    interaction: Interaction
    size_bytes: int
    token_estimate: int
    create_time: _timestamp_pb2.Timestamp
    actor: str
    message: str
    origin: Origin
    front_matter: str
    body: str
    purged: bool
    waivers: _containers.RepeatedCompositeFieldContainer[Waiver]
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., etag: _Optional[str] = ..., digest: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., tag: _Optional[str] = ..., dialect: _Optional[_Union[Dialect, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., model: _Optional[str] = ..., tools: _Optional[_Iterable[str]] = ..., fields: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., outline: _Optional[_Iterable[_Union[Section, _Mapping]]] = ..., interaction: _Optional[_Union[Interaction, _Mapping]] = ..., size_bytes: _Optional[int] = ..., token_estimate: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., message: _Optional[str] = ..., origin: _Optional[_Union[Origin, _Mapping]] = ..., front_matter: _Optional[str] = ..., body: _Optional[str] = ..., purged: bool = ..., waivers: _Optional[_Iterable[_Union[Waiver, _Mapping]]] = ...) -> None: ...

class Section(_message.Message):
    __slots__ = ("title", "level", "path", "start", "end")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    title: str
    level: int
    path: str
    start: int
    end: int
    def __init__(self, title: _Optional[str] = ..., level: _Optional[int] = ..., path: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Interaction(_message.Message):
    __slots__ = ("input", "output")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    input: str
    output: str
    def __init__(self, input: _Optional[str] = ..., output: _Optional[str] = ...) -> None: ...

class Origin(_message.Message):
    __slots__ = ("api", "file")
    class Api(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class File(_message.Message):
        __slots__ = ("source", "path")
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        PATH_FIELD_NUMBER: _ClassVar[int]
        source: str
        path: str
        def __init__(self, source: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...
    API_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    api: Origin.Api
    file: Origin.File
    def __init__(self, api: _Optional[_Union[Origin.Api, _Mapping]] = ..., file: _Optional[_Union[Origin.File, _Mapping]] = ...) -> None: ...

class ResponseHeader(_message.Message):
    __slots__ = ("store_id", "revision")
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    store_id: str
    revision: int
    def __init__(self, store_id: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ReadOptions(_message.Message):
    __slots__ = ("store_id", "min_revision", "at_revision")
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    AT_REVISION_FIELD_NUMBER: _ClassVar[int]
    store_id: str
    min_revision: int
    at_revision: int
    def __init__(self, store_id: _Optional[str] = ..., min_revision: _Optional[int] = ..., at_revision: _Optional[int] = ...) -> None: ...
