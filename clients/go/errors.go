package personas

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Kind is a group of errors. It is an error itself, so that errors.Is can ask for it:
//
//	if errors.Is(err, personas.NotFound) { … }
type Kind string

// The groups. Each stands for gRPC codes.
const (
	InvalidArgument   Kind = "InvalidArgument"   // INVALID_ARGUMENT; see Error.Violations
	NotFound          Kind = "NotFound"          // NOT_FOUND
	Conflict          Kind = "Conflict"          // ALREADY_EXISTS, ABORTED, FAILED_PRECONDITION
	OutOfRange        Kind = "OutOfRange"        // OUT_OF_RANGE
	Unauthenticated   Kind = "Unauthenticated"   // UNAUTHENTICATED
	PermissionDenied  Kind = "PermissionDenied"  // PERMISSION_DENIED
	ResourceExhausted Kind = "ResourceExhausted" // RESOURCE_EXHAUSTED; see Error.RetryDelay
	Unavailable       Kind = "Unavailable"       // UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, no connection
	Internal          Kind = "Internal"          // everything else
)

// ErrClosed is in the chain of what a closed client answers.
var ErrClosed = errors.New("the client is closed")

// Error returns the name of the group.
func (k Kind) Error() string { return string(k) }

// Error is what every method of a Client fails with, but for New.
type Error struct {
	// Kind says what to do next.
	Kind Kind
	// Code is the gRPC code.
	Code codes.Code
	// Reason is one of personapb.ErrorReason without its prefix, such as PERSONA_NOT_FOUND. Empty: none was given.
	Reason string
	// Metadata says what the reason is about.
	Metadata map[string]string
	// Message is for people.
	Message string
	// Violations are the fields at fault, where the registry told them.
	Violations []Violation
	// RetryDelay is how long the registry asks to wait. 0: it did not say.
	RetryDelay time.Duration
	// CallID finds the call in the registry's log: its x-request-id.
	CallID string

	cause error
}

// Violation is one field at fault.
type Violation struct {
	// Field is its path.
	Field string
	// Description says what is wrong with it.
	Description string
	// Reason is a rule's code, where a document was judged.
	Reason string
}

// Error returns kind, reason and message.
func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("personas: %s: %s", e.Kind, e.Message)
	}
	return fmt.Sprintf("personas: %s (%s): %s", e.Kind, e.Reason, e.Message)
}

// Is reports whether the target is the error's Kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Unwrap returns what lies beneath: the status, the context's error, or ErrClosed.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus returns the error as a status, which status.FromError and status.Code find.
func (e *Error) GRPCStatus() *status.Status {
	if s, ok := e.cause.(interface{ GRPCStatus() *status.Status }); ok {
		return s.GRPCStatus()
	}
	return status.New(e.Code, e.Message)
}

// newError makes an error of this side.
func newError(code codes.Code, cause error, message string) *Error {
	return &Error{Kind: kindOf(code), Code: code, Message: message, cause: cause}
}

// fromCall makes an error of what a call failed with, and of the metadata that came along.
func fromCall(ctx context.Context, err error, answer ...metadata.MD) *Error {
	s := status.Convert(err)
	e := &Error{Kind: kindOf(s.Code()), Code: s.Code(), Message: s.Message(), CallID: callID(answer...), cause: err}
	if done := ctx.Err(); done != nil {
		e.cause = done
	}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == "persona.registry.v1" {
				e.Reason, e.Metadata = detail.GetReason(), detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				e.Violations = append(e.Violations, Violation{v.GetField(), v.GetDescription(), v.GetReason()})
			}
		case *errdetails.RetryInfo:
			e.RetryDelay = detail.GetRetryDelay().AsDuration()
		}
	}
	return e
}

func callID(answer ...metadata.MD) string {
	for _, md := range answer {
		if id := md.Get("x-request-id"); len(id) > 0 {
			return id[0]
		}
	}
	return ""
}

func kindOf(code codes.Code) Kind {
	switch code {
	case codes.InvalidArgument:
		return InvalidArgument
	case codes.NotFound:
		return NotFound
	case codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition:
		return Conflict
	case codes.OutOfRange:
		return OutOfRange
	case codes.Unauthenticated:
		return Unauthenticated
	case codes.PermissionDenied:
		return PermissionDenied
	case codes.ResourceExhausted:
		return ResourceExhausted
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return Unavailable
	default:
		return Internal
	}
}
