package personas

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// version is what the registry is told in the user agent.
const version = "0.1.0"

func dialOptions(t target, o Options) ([]grpc.DialOption, error) {
	transport := insecure.NewCredentials()
	if t.tls {
		config, err := tlsConfig(o)
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	}
	// A call reconnects by itself; see call.
	waits := backoff.DefaultConfig
	waits.BaseDelay, waits.MaxDelay = o.BackoffFirst, o.BackoffMost
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: o.KeepAlive, Timeout: o.KeepAliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: waits, MinConnectTimeout: o.CallTimeout}),
		grpc.WithUserAgent("persona-registry-go/" + version),
		grpc.WithDisableServiceConfig(), // no look for one in DNS
	}
	if o.TokenSource != nil {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer(o.TokenSource)))
	}
	return dial, nil
}

func tlsConfig(o Options) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CACert != "" {
		pem, err := os.ReadFile(o.CACert)
		if err != nil {
			return nil, fmt.Errorf("option CACert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("option CACert: %s has no certificate in PEM", o.CACert)
		}
	}
	if o.ClientCert == "" {
		return config, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(o.ClientCert, o.ClientKey)
		return &pair, err
	}
	if _, err := load(); err != nil {
		return nil, fmt.Errorf("options ClientCert and ClientKey: %w", err)
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return config, nil
}

// bearer sends a token with each call. Whether it may go over the connection was judged with the options.
type bearer func(context.Context) (string, error)

// GetRequestMetadata asks for the token anew. What it fails with makes the call UNAUTHENTICATED.
func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := b(ctx)
	if err != nil {
		return nil, fmt.Errorf("no token: %w", err)
	}
	if token, err = header(token); err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// header returns the token as a header can carry it.
func header(token string) (string, error) {
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("it is empty, or has blanks or others that a header cannot carry")
	}
	return token, nil
}

// RequireTransportSecurity returns false: plain connections to this machine are fine.
func (b bearer) RequireTransportSecurity() bool { return false }
