import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from persona_registry._pb import diagnostic_pb2 as _diagnostic_pb2
from persona_registry._pb import persona_pb2 as _persona_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_MODE_UNSPECIFIED: _ClassVar[WatchMode]
    WATCH_MODE_LATEST: _ClassVar[WatchMode]
    WATCH_MODE_EVERY_VERSION: _ClassVar[WatchMode]
WATCH_MODE_UNSPECIFIED: WatchMode
WATCH_MODE_LATEST: WatchMode
WATCH_MODE_EVERY_VERSION: WatchMode

class GetPersonaRequest(_message.Message):
    __slots__ = ("namespace", "name", "version", "alias", "view", "sections", "if_none_match", "read_options")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    READ_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    version: int
    alias: str
    view: _persona_pb2.PersonaView
    sections: _containers.RepeatedScalarFieldContainer[str]
    if_none_match: str
    read_options: _persona_pb2.ReadOptions
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., alias: _Optional[str] = ..., view: _Optional[_Union[_persona_pb2.PersonaView, str]] = ..., sections: _Optional[_Iterable[str]] = ..., if_none_match: _Optional[str] = ..., read_options: _Optional[_Union[_persona_pb2.ReadOptions, _Mapping]] = ...) -> None: ...

class GetPersonaResponse(_message.Message):
    __slots__ = ("header", "persona", "not_modified")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PERSONA_FIELD_NUMBER: _ClassVar[int]
    NOT_MODIFIED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    persona: _persona_pb2.Persona
    not_modified: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., persona: _Optional[_Union[_persona_pb2.Persona, _Mapping]] = ..., not_modified: bool = ...) -> None: ...

class BatchGetPersonasRequest(_message.Message):
    __slots__ = ("namespace", "names", "alias", "view", "sections", "read_options")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    READ_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    names: _containers.RepeatedScalarFieldContainer[str]
    alias: str
    view: _persona_pb2.PersonaView
    sections: _containers.RepeatedScalarFieldContainer[str]
    read_options: _persona_pb2.ReadOptions
    def __init__(self, namespace: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., alias: _Optional[str] = ..., view: _Optional[_Union[_persona_pb2.PersonaView, str]] = ..., sections: _Optional[_Iterable[str]] = ..., read_options: _Optional[_Union[_persona_pb2.ReadOptions, _Mapping]] = ...) -> None: ...

class BatchGetPersonasResponse(_message.Message):
    __slots__ = ("header", "personas")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PERSONAS_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    personas: _containers.RepeatedCompositeFieldContainer[_persona_pb2.Persona]
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., personas: _Optional[_Iterable[_Union[_persona_pb2.Persona, _Mapping]]] = ...) -> None: ...

class ListPersonasRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token", "filter", "alias", "view", "read_options")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    READ_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    filter: str
    alias: str
    view: _persona_pb2.PersonaView
    read_options: _persona_pb2.ReadOptions
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., alias: _Optional[str] = ..., view: _Optional[_Union[_persona_pb2.PersonaView, str]] = ..., read_options: _Optional[_Union[_persona_pb2.ReadOptions, _Mapping]] = ...) -> None: ...

class ListPersonasResponse(_message.Message):
    __slots__ = ("header", "personas", "next_page_token", "resume_token")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PERSONAS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    personas: _containers.RepeatedCompositeFieldContainer[_persona_pb2.Persona]
    next_page_token: str
    resume_token: str
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., personas: _Optional[_Iterable[_Union[_persona_pb2.Persona, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ListPersonaVersionsRequest(_message.Message):
    __slots__ = ("namespace", "name", "page_size", "page_token", "read_options")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    page_size: int
    page_token: str
    read_options: _persona_pb2.ReadOptions
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., read_options: _Optional[_Union[_persona_pb2.ReadOptions, _Mapping]] = ...) -> None: ...

class ListPersonaVersionsResponse(_message.Message):
    __slots__ = ("header", "versions", "next_page_token")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    versions: _containers.RepeatedCompositeFieldContainer[PersonaVersion]
    next_page_token: str
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., versions: _Optional[_Iterable[_Union[PersonaVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PersonaVersion(_message.Message):
    __slots__ = ("type", "version", "revision", "create_time", "actor", "message", "digest", "etag", "size_bytes", "aliases", "origin")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[PersonaVersion.Type]
        TYPE_VERSION: _ClassVar[PersonaVersion.Type]
        TYPE_PURGED: _ClassVar[PersonaVersion.Type]
        TYPE_DELETION: _ClassVar[PersonaVersion.Type]
    TYPE_UNSPECIFIED: PersonaVersion.Type
    TYPE_VERSION: PersonaVersion.Type
    TYPE_PURGED: PersonaVersion.Type
    TYPE_DELETION: PersonaVersion.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    type: PersonaVersion.Type
    version: int
    revision: int
    create_time: _timestamp_pb2.Timestamp
    actor: str
    message: str
    digest: str
    etag: str
    size_bytes: int
    aliases: _containers.RepeatedScalarFieldContainer[str]
    origin: _persona_pb2.Origin
    def __init__(self, type: _Optional[_Union[PersonaVersion.Type, str]] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., message: _Optional[str] = ..., digest: _Optional[str] = ..., etag: _Optional[str] = ..., size_bytes: _Optional[int] = ..., aliases: _Optional[_Iterable[str]] = ..., origin: _Optional[_Union[_persona_pb2.Origin, _Mapping]] = ...) -> None: ...

class ListPersonaAliasesRequest(_message.Message):
    __slots__ = ("namespace", "name", "page_size", "page_token", "read_options")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    page_size: int
    page_token: str
    read_options: _persona_pb2.ReadOptions
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., read_options: _Optional[_Union[_persona_pb2.ReadOptions, _Mapping]] = ...) -> None: ...

class ListPersonaAliasesResponse(_message.Message):
    __slots__ = ("header", "aliases", "next_page_token")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    aliases: _containers.RepeatedCompositeFieldContainer[PersonaAlias]
    next_page_token: str
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., aliases: _Optional[_Iterable[_Union[PersonaAlias, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PersonaAlias(_message.Message):
    __slots__ = ("namespace", "name", "alias", "version", "revision", "update_time", "actor", "message")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    alias: str
    version: int
    revision: int
    update_time: _timestamp_pb2.Timestamp
    actor: str
    message: str
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("header", "namespaces", "next_page_token")
    class Namespace(_message.Message):
        __slots__ = ("namespace", "personas")
        NAMESPACE_FIELD_NUMBER: _ClassVar[int]
        PERSONAS_FIELD_NUMBER: _ClassVar[int]
        namespace: str
        personas: int
        def __init__(self, namespace: _Optional[str] = ..., personas: _Optional[int] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    namespaces: _containers.RepeatedCompositeFieldContainer[ListNamespacesResponse.Namespace]
    next_page_token: str
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., namespaces: _Optional[_Iterable[_Union[ListNamespacesResponse.Namespace, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ValidatePersonaRequest(_message.Message):
    __slots__ = ("content", "path", "dialect", "profile", "name", "namespace", "select", "ignore")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SELECT_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    path: str
    dialect: _persona_pb2.Dialect
    profile: _persona_pb2.Profile
    name: str
    namespace: str
    select: _containers.RepeatedScalarFieldContainer[str]
    ignore: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, content: _Optional[bytes] = ..., path: _Optional[str] = ..., dialect: _Optional[_Union[_persona_pb2.Dialect, str]] = ..., profile: _Optional[_Union[_persona_pb2.Profile, str]] = ..., name: _Optional[str] = ..., namespace: _Optional[str] = ..., select: _Optional[_Iterable[str]] = ..., ignore: _Optional[_Iterable[str]] = ...) -> None: ...

class ValidatePersonaResponse(_message.Message):
    __slots__ = ("header", "diagnostics", "storable", "name", "dialect", "dialect_reason", "profile", "token_estimate")
    class DialectReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DIALECT_REASON_UNSPECIFIED: _ClassVar[ValidatePersonaResponse.DialectReason]
        DIALECT_REASON_EXPLICIT: _ClassVar[ValidatePersonaResponse.DialectReason]
        DIALECT_REASON_PATH: _ClassVar[ValidatePersonaResponse.DialectReason]
        DIALECT_REASON_KEYS: _ClassVar[ValidatePersonaResponse.DialectReason]
        DIALECT_REASON_DEFAULT: _ClassVar[ValidatePersonaResponse.DialectReason]
    DIALECT_REASON_UNSPECIFIED: ValidatePersonaResponse.DialectReason
    DIALECT_REASON_EXPLICIT: ValidatePersonaResponse.DialectReason
    DIALECT_REASON_PATH: ValidatePersonaResponse.DialectReason
    DIALECT_REASON_KEYS: ValidatePersonaResponse.DialectReason
    DIALECT_REASON_DEFAULT: ValidatePersonaResponse.DialectReason
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    STORABLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_REASON_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    diagnostics: _containers.RepeatedCompositeFieldContainer[_diagnostic_pb2.Diagnostic]
    storable: bool
    name: str
    dialect: _persona_pb2.Dialect
    dialect_reason: ValidatePersonaResponse.DialectReason
    profile: _persona_pb2.Profile
    token_estimate: int
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., diagnostics: _Optional[_Iterable[_Union[_diagnostic_pb2.Diagnostic, _Mapping]]] = ..., storable: bool = ..., name: _Optional[str] = ..., dialect: _Optional[_Union[_persona_pb2.Dialect, str]] = ..., dialect_reason: _Optional[_Union[ValidatePersonaResponse.DialectReason, str]] = ..., profile: _Optional[_Union[_persona_pb2.Profile, str]] = ..., token_estimate: _Optional[int] = ...) -> None: ...

class PutPersonaRequest(_message.Message):
    __slots__ = ("namespace", "name", "content", "dialect", "profile", "etag", "create_only", "message", "request_id", "validate_only", "waivers")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    WAIVERS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    content: bytes
    dialect: _persona_pb2.Dialect
    profile: _persona_pb2.Profile
    etag: str
    create_only: bool
    message: str
    request_id: str
    validate_only: bool
    waivers: _containers.RepeatedCompositeFieldContainer[_persona_pb2.Waiver]
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., content: _Optional[bytes] = ..., dialect: _Optional[_Union[_persona_pb2.Dialect, str]] = ..., profile: _Optional[_Union[_persona_pb2.Profile, str]] = ..., etag: _Optional[str] = ..., create_only: bool = ..., message: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ..., waivers: _Optional[_Iterable[_Union[_persona_pb2.Waiver, _Mapping]]] = ...) -> None: ...

class PutPersonaResponse(_message.Message):
    __slots__ = ("header", "namespace", "name", "version", "revision", "etag", "digest", "unchanged", "replayed", "diagnostics", "created")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    namespace: str
    name: str
    version: int
    revision: int
    etag: str
    digest: str
    unchanged: bool
    replayed: bool
    diagnostics: _containers.RepeatedCompositeFieldContainer[_diagnostic_pb2.Diagnostic]
    created: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., etag: _Optional[str] = ..., digest: _Optional[str] = ..., unchanged: bool = ..., replayed: bool = ..., diagnostics: _Optional[_Iterable[_Union[_diagnostic_pb2.Diagnostic, _Mapping]]] = ..., created: bool = ...) -> None: ...

class DeletePersonaRequest(_message.Message):
    __slots__ = ("namespace", "name", "etag", "message", "request_id", "validate_only")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    etag: str
    message: str
    request_id: str
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., etag: _Optional[str] = ..., message: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class DeletePersonaResponse(_message.Message):
    __slots__ = ("header", "namespace", "name", "version", "revision", "replayed")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    namespace: str
    name: str
    version: int
    revision: int
    replayed: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., replayed: bool = ...) -> None: ...

class SetPersonaAliasRequest(_message.Message):
    __slots__ = ("namespace", "name", "alias", "version", "expected_version", "message", "request_id", "validate_only")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    alias: str
    version: int
    expected_version: int
    message: str
    request_id: str
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., version: _Optional[int] = ..., expected_version: _Optional[int] = ..., message: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class SetPersonaAliasResponse(_message.Message):
    __slots__ = ("header", "namespace", "name", "alias", "version", "previous_version", "revision", "unchanged", "replayed")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    namespace: str
    name: str
    alias: str
    version: int
    previous_version: int
    revision: int
    unchanged: bool
    replayed: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., version: _Optional[int] = ..., previous_version: _Optional[int] = ..., revision: _Optional[int] = ..., unchanged: bool = ..., replayed: bool = ...) -> None: ...

class DeletePersonaAliasRequest(_message.Message):
    __slots__ = ("namespace", "name", "alias", "expected_version", "message", "request_id", "validate_only")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    alias: str
    expected_version: int
    message: str
    request_id: str
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., expected_version: _Optional[int] = ..., message: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class DeletePersonaAliasResponse(_message.Message):
    __slots__ = ("header", "namespace", "name", "alias", "previous_version", "revision", "replayed")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    namespace: str
    name: str
    alias: str
    previous_version: int
    revision: int
    replayed: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., previous_version: _Optional[int] = ..., revision: _Optional[int] = ..., replayed: bool = ...) -> None: ...

class BatchWritePersonasRequest(_message.Message):
    __slots__ = ("namespace", "operations", "message", "request_id", "validate_only")
    class Operation(_message.Message):
        __slots__ = ("put", "delete", "set_alias", "delete_alias")
        PUT_FIELD_NUMBER: _ClassVar[int]
        DELETE_FIELD_NUMBER: _ClassVar[int]
        SET_ALIAS_FIELD_NUMBER: _ClassVar[int]
        DELETE_ALIAS_FIELD_NUMBER: _ClassVar[int]
        put: BatchWritePersonasRequest.Put
        delete: BatchWritePersonasRequest.Delete
        set_alias: BatchWritePersonasRequest.SetAlias
        delete_alias: BatchWritePersonasRequest.DeleteAlias
        def __init__(self, put: _Optional[_Union[BatchWritePersonasRequest.Put, _Mapping]] = ..., delete: _Optional[_Union[BatchWritePersonasRequest.Delete, _Mapping]] = ..., set_alias: _Optional[_Union[BatchWritePersonasRequest.SetAlias, _Mapping]] = ..., delete_alias: _Optional[_Union[BatchWritePersonasRequest.DeleteAlias, _Mapping]] = ...) -> None: ...
    class Put(_message.Message):
        __slots__ = ("name", "content", "dialect", "profile", "etag", "create_only", "waivers")
        NAME_FIELD_NUMBER: _ClassVar[int]
        CONTENT_FIELD_NUMBER: _ClassVar[int]
        DIALECT_FIELD_NUMBER: _ClassVar[int]
        PROFILE_FIELD_NUMBER: _ClassVar[int]
        ETAG_FIELD_NUMBER: _ClassVar[int]
        CREATE_ONLY_FIELD_NUMBER: _ClassVar[int]
        WAIVERS_FIELD_NUMBER: _ClassVar[int]
        name: str
        content: bytes
        dialect: _persona_pb2.Dialect
        profile: _persona_pb2.Profile
        etag: str
        create_only: bool
        waivers: _containers.RepeatedCompositeFieldContainer[_persona_pb2.Waiver]
        def __init__(self, name: _Optional[str] = ..., content: _Optional[bytes] = ..., dialect: _Optional[_Union[_persona_pb2.Dialect, str]] = ..., profile: _Optional[_Union[_persona_pb2.Profile, str]] = ..., etag: _Optional[str] = ..., create_only: bool = ..., waivers: _Optional[_Iterable[_Union[_persona_pb2.Waiver, _Mapping]]] = ...) -> None: ...
    class Delete(_message.Message):
        __slots__ = ("name", "etag")
        NAME_FIELD_NUMBER: _ClassVar[int]
        ETAG_FIELD_NUMBER: _ClassVar[int]
        name: str
        etag: str
        def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...
    class SetAlias(_message.Message):
        __slots__ = ("name", "alias", "version", "expected_version")
        NAME_FIELD_NUMBER: _ClassVar[int]
        ALIAS_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
        name: str
        alias: str
        version: int
        expected_version: int
        def __init__(self, name: _Optional[str] = ..., alias: _Optional[str] = ..., version: _Optional[int] = ..., expected_version: _Optional[int] = ...) -> None: ...
    class DeleteAlias(_message.Message):
        __slots__ = ("name", "alias", "expected_version")
        NAME_FIELD_NUMBER: _ClassVar[int]
        ALIAS_FIELD_NUMBER: _ClassVar[int]
        EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
        name: str
        alias: str
        expected_version: int
        def __init__(self, name: _Optional[str] = ..., alias: _Optional[str] = ..., expected_version: _Optional[int] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    operations: _containers.RepeatedCompositeFieldContainer[BatchWritePersonasRequest.Operation]
    message: str
    request_id: str
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., operations: _Optional[_Iterable[_Union[BatchWritePersonasRequest.Operation, _Mapping]]] = ..., message: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class BatchWritePersonasResponse(_message.Message):
    __slots__ = ("header", "results", "revision", "replayed")
    class Result(_message.Message):
        __slots__ = ("name", "version", "revision", "etag", "digest", "unchanged", "created", "previous_version", "diagnostics")
        NAME_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        REVISION_FIELD_NUMBER: _ClassVar[int]
        ETAG_FIELD_NUMBER: _ClassVar[int]
        DIGEST_FIELD_NUMBER: _ClassVar[int]
        UNCHANGED_FIELD_NUMBER: _ClassVar[int]
        CREATED_FIELD_NUMBER: _ClassVar[int]
        PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
        DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
        name: str
        version: int
        revision: int
        etag: str
        digest: str
        unchanged: bool
        created: bool
        previous_version: int
        diagnostics: _containers.RepeatedCompositeFieldContainer[_diagnostic_pb2.Diagnostic]
        def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., etag: _Optional[str] = ..., digest: _Optional[str] = ..., unchanged: bool = ..., created: bool = ..., previous_version: _Optional[int] = ..., diagnostics: _Optional[_Iterable[_Union[_diagnostic_pb2.Diagnostic, _Mapping]]] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    results: _containers.RepeatedCompositeFieldContainer[BatchWritePersonasResponse.Result]
    revision: int
    replayed: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., results: _Optional[_Iterable[_Union[BatchWritePersonasResponse.Result, _Mapping]]] = ..., revision: _Optional[int] = ..., replayed: bool = ...) -> None: ...

class PurgePersonaVersionRequest(_message.Message):
    __slots__ = ("namespace", "name", "version", "message", "request_id", "validate_only")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    version: int
    message: str
    request_id: str
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., message: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class PurgePersonaVersionResponse(_message.Message):
    __slots__ = ("header", "namespace", "name", "version", "revision", "replayed")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    header: _persona_pb2.ResponseHeader
    namespace: str
    name: str
    version: int
    revision: int
    replayed: bool
    def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., replayed: bool = ...) -> None: ...

class WatchPersonasRequest(_message.Message):
    __slots__ = ("namespace", "names", "filter", "alias", "view", "resume_token", "from_now", "mode", "progress_interval")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FROM_NOW_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    names: _containers.RepeatedScalarFieldContainer[str]
    filter: str
    alias: str
    view: _persona_pb2.PersonaView
    resume_token: str
    from_now: bool
    mode: WatchMode
    progress_interval: _duration_pb2.Duration
    def __init__(self, namespace: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., filter: _Optional[str] = ..., alias: _Optional[str] = ..., view: _Optional[_Union[_persona_pb2.PersonaView, str]] = ..., resume_token: _Optional[str] = ..., from_now: bool = ..., mode: _Optional[_Union[WatchMode, str]] = ..., progress_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchPersonasResponse(_message.Message):
    __slots__ = ("opened", "snapshot", "synced", "changes", "progress", "closing", "resume_token")
    class Opened(_message.Message):
        __slots__ = ("header", "progress_interval", "mode")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        PROGRESS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
        MODE_FIELD_NUMBER: _ClassVar[int]
        header: _persona_pb2.ResponseHeader
        progress_interval: _duration_pb2.Duration
        mode: WatchMode
        def __init__(self, header: _Optional[_Union[_persona_pb2.ResponseHeader, _Mapping]] = ..., progress_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., mode: _Optional[_Union[WatchMode, str]] = ...) -> None: ...
    class Snapshot(_message.Message):
        __slots__ = ("revision", "personas")
        REVISION_FIELD_NUMBER: _ClassVar[int]
        PERSONAS_FIELD_NUMBER: _ClassVar[int]
        revision: int
        personas: _containers.RepeatedCompositeFieldContainer[_persona_pb2.Persona]
        def __init__(self, revision: _Optional[int] = ..., personas: _Optional[_Iterable[_Union[_persona_pb2.Persona, _Mapping]]] = ...) -> None: ...
    class Synced(_message.Message):
        __slots__ = ("revision", "count")
        REVISION_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        revision: int
        count: int
        def __init__(self, revision: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...
    class Changes(_message.Message):
        __slots__ = ("revision", "changes", "fragment", "commit_time")
        REVISION_FIELD_NUMBER: _ClassVar[int]
        CHANGES_FIELD_NUMBER: _ClassVar[int]
        FRAGMENT_FIELD_NUMBER: _ClassVar[int]
        COMMIT_TIME_FIELD_NUMBER: _ClassVar[int]
        revision: int
        changes: _containers.RepeatedCompositeFieldContainer[PersonaChange]
        fragment: bool
        commit_time: _timestamp_pb2.Timestamp
        def __init__(self, revision: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[PersonaChange, _Mapping]]] = ..., fragment: bool = ..., commit_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class Progress(_message.Message):
        __slots__ = ("revision",)
        REVISION_FIELD_NUMBER: _ClassVar[int]
        revision: int
        def __init__(self, revision: _Optional[int] = ...) -> None: ...
    class Closing(_message.Message):
        __slots__ = ("reason", "retry_delay")
        class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            REASON_UNSPECIFIED: _ClassVar[WatchPersonasResponse.Closing.Reason]
            REASON_SERVER_DRAINING: _ClassVar[WatchPersonasResponse.Closing.Reason]
        REASON_UNSPECIFIED: WatchPersonasResponse.Closing.Reason
        REASON_SERVER_DRAINING: WatchPersonasResponse.Closing.Reason
        REASON_FIELD_NUMBER: _ClassVar[int]
        RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
        reason: WatchPersonasResponse.Closing.Reason
        retry_delay: _duration_pb2.Duration
        def __init__(self, reason: _Optional[_Union[WatchPersonasResponse.Closing.Reason, str]] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
    OPENED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    opened: WatchPersonasResponse.Opened
    snapshot: WatchPersonasResponse.Snapshot
    synced: WatchPersonasResponse.Synced
    changes: WatchPersonasResponse.Changes
    progress: WatchPersonasResponse.Progress
    closing: WatchPersonasResponse.Closing
    resume_token: str
    def __init__(self, opened: _Optional[_Union[WatchPersonasResponse.Opened, _Mapping]] = ..., snapshot: _Optional[_Union[WatchPersonasResponse.Snapshot, _Mapping]] = ..., synced: _Optional[_Union[WatchPersonasResponse.Synced, _Mapping]] = ..., changes: _Optional[_Union[WatchPersonasResponse.Changes, _Mapping]] = ..., progress: _Optional[_Union[WatchPersonasResponse.Progress, _Mapping]] = ..., closing: _Optional[_Union[WatchPersonasResponse.Closing, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class PersonaChange(_message.Message):
    __slots__ = ("type", "persona")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[PersonaChange.Type]
        TYPE_CREATED: _ClassVar[PersonaChange.Type]
        TYPE_UPDATED: _ClassVar[PersonaChange.Type]
        TYPE_DELETED: _ClassVar[PersonaChange.Type]
        TYPE_LEFT: _ClassVar[PersonaChange.Type]
    TYPE_UNSPECIFIED: PersonaChange.Type
    TYPE_CREATED: PersonaChange.Type
    TYPE_UPDATED: PersonaChange.Type
    TYPE_DELETED: PersonaChange.Type
    TYPE_LEFT: PersonaChange.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PERSONA_FIELD_NUMBER: _ClassVar[int]
    type: PersonaChange.Type
    persona: _persona_pb2.Persona
    def __init__(self, type: _Optional[_Union[PersonaChange.Type, str]] = ..., persona: _Optional[_Union[_persona_pb2.Persona, _Mapping]] = ...) -> None: ...
