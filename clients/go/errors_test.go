package personas

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestEveryCodeHasItsKind(t *testing.T) {
	kinds := map[codes.Code]Kind{
		codes.InvalidArgument: InvalidArgument, codes.NotFound: NotFound, codes.AlreadyExists: Conflict,
		codes.Aborted: Conflict, codes.FailedPrecondition: Conflict, codes.OutOfRange: OutOfRange,
		codes.Unauthenticated: Unauthenticated, codes.PermissionDenied: PermissionDenied,
		codes.ResourceExhausted: ResourceExhausted, codes.Unavailable: Unavailable,
		codes.DeadlineExceeded: Unavailable, codes.Canceled: Unavailable,
		codes.Internal: Internal, codes.DataLoss: Internal, codes.Unimplemented: Internal, codes.Unknown: Internal,
	}
	for code, kind := range kinds {
		var err error = fromCall(context.Background(), status.Error(code, "why"))
		if !errors.Is(err, kind) || status.Code(err) != code {
			t.Errorf("%v became %v", code, err)
		}
		for _, other := range kinds {
			if other != kind && errors.Is(err, other) {
				t.Errorf("%v is %v too", code, other)
			}
		}
	}
}

func TestDetailsAreKept(t *testing.T) {
	s, err := status.New(codes.ResourceExhausted, "slow down").WithDetails(
		&errdetails.ErrorInfo{Domain: "persona.registry.v1", Reason: "RATE_LIMITED", Metadata: map[string]string{"limit": "3"}},
		&errdetails.ErrorInfo{Domain: "elsewhere", Reason: "OTHER"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(2 * time.Second)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "name", Description: "bad"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	e := fromCall(context.Background(), s.Err(), nil, metadata.Pairs("x-request-id", "r1"))
	if e.Reason != "RATE_LIMITED" || e.Metadata["limit"] != "3" || e.RetryDelay != 2*time.Second || e.CallID != "r1" {
		t.Errorf("it became %+v", e)
	}
	if len(e.Violations) != 1 || e.Violations[0] != (Violation{Field: "name", Description: "bad"}) {
		t.Errorf("violations %+v", e.Violations)
	}
}

func TestTheContextsErrorIsInTheChain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := fromCall(ctx, status.FromContextError(ctx.Err()).Err())
	if !errors.Is(err, context.Canceled) || !errors.Is(err, Unavailable) || status.Code(err) != codes.Canceled {
		t.Errorf("it became %v", err)
	}
}
