package personas

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const defaultPort = "50051"

// target is where a registry is.
type target struct {
	tls  bool
	host string // an IPv6 address without brackets
	// place is host and port, as they stand in a URL.
	place string
}

func parseTarget(text string) (target, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "http", text
	}
	if scheme != "http" && scheme != "https" {
		return target{}, fmt.Errorf("target %q: the scheme is http or https", text)
	}
	u, err := url.Parse(scheme + "://" + strings.TrimSuffix(rest, "/"))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || strings.ContainsAny(rest, "?# ") {
		return target{}, fmt.Errorf("target %q: write https://HOST:PORT, or http://HOST:PORT without TLS", text)
	}
	if u.Port() == "" {
		if strings.HasSuffix(u.Host, ":") {
			return target{}, fmt.Errorf("target %q: no port follows the colon", text)
		}
		u.Host += ":" + defaultPort
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return target{}, fmt.Errorf("target %q: a port is a number from 1 to 65535", text)
	}
	return target{tls: scheme == "https", host: u.Hostname(), place: u.Host}, nil
}

// String returns the target in the one form that the copy on disk names it by.
func (t target) String() string {
	if t.tls {
		return "https://" + t.place
	}
	return "http://" + t.place
}

// isLoopback reports whether it is on this machine.
func (t target) isLoopback() bool {
	if strings.EqualFold(t.host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(t.host)
	return err == nil && address.IsLoopback()
}
