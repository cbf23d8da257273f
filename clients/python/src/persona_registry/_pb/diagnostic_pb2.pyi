from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFO: Severity
SEVERITY_WARNING: Severity
SEVERITY_ERROR: Severity

class Diagnostic(_message.Message):
    __slots__ = ("code", "name", "severity", "message", "span", "labels", "help", "fixes", "field", "waivable", "blocks_storing", "waiver_reason")
    class Label(_message.Message):
        __slots__ = ("span", "message")
        SPAN_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        span: Span
        message: str
        def __init__(self, span: _Optional[_Union[Span, _Mapping]] = ..., message: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    FIXES_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    WAIVABLE_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_STORING_FIELD_NUMBER: _ClassVar[int]
    WAIVER_REASON_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    severity: Severity
    message: str
    span: Span
    labels: _containers.RepeatedCompositeFieldContainer[Diagnostic.Label]
    help: str
    fixes: _containers.RepeatedCompositeFieldContainer[Fix]
    field: str
    waivable: bool
    blocks_storing: bool
    waiver_reason: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., severity: _Optional[_Union[Severity, str]] = ..., message: _Optional[str] = ..., span: _Optional[_Union[Span, _Mapping]] = ..., labels: _Optional[_Iterable[_Union[Diagnostic.Label, _Mapping]]] = ..., help: _Optional[str] = ..., fixes: _Optional[_Iterable[_Union[Fix, _Mapping]]] = ..., field: _Optional[str] = ..., waivable: bool = ..., blocks_storing: bool = ..., waiver_reason: _Optional[str] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("start", "end", "start_line", "start_column", "end_line", "end_column")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    START_LINE_FIELD_NUMBER: _ClassVar[int]
    START_COLUMN_FIELD_NUMBER: _ClassVar[int]
    END_LINE_FIELD_NUMBER: _ClassVar[int]
    END_COLUMN_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    start_line: int
    start_column: int
    end_line: int
    end_column: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., start_line: _Optional[int] = ..., start_column: _Optional[int] = ..., end_line: _Optional[int] = ..., end_column: _Optional[int] = ...) -> None: ...

class Fix(_message.Message):
    __slots__ = ("title", "applicability", "edits")
    class Applicability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        APPLICABILITY_UNSPECIFIED: _ClassVar[Fix.Applicability]
        APPLICABILITY_SAFE: _ClassVar[Fix.Applicability]
        APPLICABILITY_UNSAFE: _ClassVar[Fix.Applicability]
        APPLICABILITY_DISPLAY_ONLY: _ClassVar[Fix.Applicability]
    APPLICABILITY_UNSPECIFIED: Fix.Applicability
    APPLICABILITY_SAFE: Fix.Applicability
    APPLICABILITY_UNSAFE: Fix.Applicability
    APPLICABILITY_DISPLAY_ONLY: Fix.Applicability
    class Edit(_message.Message):
        __slots__ = ("span", "text")
        SPAN_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        span: Span
        text: str
        def __init__(self, span: _Optional[_Union[Span, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...
    TITLE_FIELD_NUMBER: _ClassVar[int]
    APPLICABILITY_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    title: str
    applicability: Fix.Applicability
    edits: _containers.RepeatedCompositeFieldContainer[Fix.Edit]
    def __init__(self, title: _Optional[str] = ..., applicability: _Optional[_Union[Fix.Applicability, str]] = ..., edits: _Optional[_Iterable[_Union[Fix.Edit, _Mapping]]] = ...) -> None: ...
