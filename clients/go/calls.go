package personas

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// Waits between attempts of a call double from the first to the longest.
const (
	firstRetryWait = 100 * time.Millisecond
	mostRetryWait  = time.Second
)

// Conn returns the connection of calls, for stubs of one's own: personapb.NewPersonaServiceClient,
// NewAdminServiceClient. Tokens and keepalive are those of the client; deadlines and retries are up to the caller.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// The calls below take and return the generated messages. A request without a namespace is about the client's. A
// write without a request_id gets one, so that it happens once however often it is sent. Requests are not changed.

// Fetch asks the registry for a persona, as it is now: the newest version, or the one that the request's selector
// says.
func (c *Client) Fetch(
	ctx context.Context, request *personapb.GetPersonaRequest,
) (*personapb.GetPersonaResponse, error) {
	return call(ctx, c, c.stub.GetPersona, request)
}

// List asks for personas page by page, all at one revision. It ends after the first error.
//
//	for persona, err := range client.List(ctx, &personapb.ListPersonasRequest{Filter: `tools:shell`}) { … }
func (c *Client) List(
	ctx context.Context, request *personapb.ListPersonasRequest,
) iter.Seq2[*personapb.Persona, error] {
	return func(yield func(*personapb.Persona, error) bool) {
		request := proto.CloneOf(request)
		for {
			page, err := call(ctx, c, c.stub.ListPersonas, request)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range page.GetPersonas() {
				if !yield(p, nil) {
					return
				}
			}
			if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
				return
			}
		}
	}
}

// Validate has a document judged. It fails only where it could not be: findings are in the answer.
func (c *Client) Validate(
	ctx context.Context, request *personapb.ValidatePersonaRequest,
) (*personapb.ValidatePersonaResponse, error) {
	return call(ctx, c, c.stub.ValidatePersona, request)
}

// Put stores a document.
func (c *Client) Put(
	ctx context.Context, request *personapb.PutPersonaRequest,
) (*personapb.PutPersonaResponse, error) {
	return call(ctx, c, c.stub.PutPersona, request)
}

// Delete deletes a persona and its aliases.
func (c *Client) Delete(
	ctx context.Context, request *personapb.DeletePersonaRequest,
) (*personapb.DeletePersonaResponse, error) {
	return call(ctx, c, c.stub.DeletePersona, request)
}

// SetAlias points an alias at a version.
func (c *Client) SetAlias(
	ctx context.Context, request *personapb.SetPersonaAliasRequest,
) (*personapb.SetPersonaAliasResponse, error) {
	return call(ctx, c, c.stub.SetPersonaAlias, request)
}

// DeleteAlias removes an alias.
func (c *Client) DeleteAlias(
	ctx context.Context, request *personapb.DeletePersonaAliasRequest,
) (*personapb.DeletePersonaAliasResponse, error) {
	return call(ctx, c, c.stub.DeletePersonaAlias, request)
}

// BatchWrite does several writes at one revision, or none.
func (c *Client) BatchWrite(
	ctx context.Context, request *personapb.BatchWritePersonasRequest,
) (*personapb.BatchWritePersonasResponse, error) {
	return call(ctx, c, c.stub.BatchWritePersonas, request)
}

// call makes a call, again where it got no decision: each attempt has a deadline of its own.
func call[Q proto.Message, A any](
	ctx context.Context, c *Client, method func(context.Context, Q, ...grpc.CallOption) (A, error), request Q,
) (A, error) {
	request = proto.CloneOf(request)
	fill(request, "namespace", func() string { return c.options.Namespace })
	isWrite := fill(request, "request_id", newUUID)
	for attempt := 0; ; attempt++ {
		c.reconnect(ctx)
		var header, trailer metadata.MD
		limited, cancel := context.WithTimeout(ctx, c.options.CallTimeout)
		answer, err := method(limited, request, grpc.Header(&header), grpc.Trailer(&trailer))
		cancel()
		if err == nil {
			return answer, nil
		}
		if c.ctx.Err() != nil {
			return answer, newError(codes.Canceled, ErrClosed, ErrClosed.Error())
		}
		failed := fromCall(ctx, err, header, trailer)
		again := failed.Code == codes.Unavailable || isWrite && failed.Code == codes.DeadlineExceeded
		if attempt >= c.options.Retries || ctx.Err() != nil || !again {
			return answer, failed
		}
		sleep(ctx, min(firstRetryWait<<attempt, mostRetryWait))
	}
}

// fill gives a field its value where it is empty, and reports whether there is such a field.
func fill(request proto.Message, name protoreflect.Name, value func() string) bool {
	message := request.ProtoReflect()
	field := message.Descriptor().Fields().ByName(name)
	if field == nil {
		return false
	}
	if message.Get(field).String() == "" {
		message.Set(field, protoreflect.ValueOfString(value()))
	}
	return true
}

// reconnect tries a connection that failed again, and waits a moment for it. gRPC alone would fail calls at once
// until a wait of its own is over.
func (c *Client) reconnect(ctx context.Context) {
	if c.conn.GetState() != connectivity.TransientFailure {
		return
	}
	c.conn.ResetConnectBackoff()
	moment, cancel := context.WithTimeout(ctx, firstRetryWait)
	defer cancel()
	c.conn.WaitForStateChange(moment, connectivity.TransientFailure)
}

// newUUID returns a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
