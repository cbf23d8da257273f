// Package door lets the conformance driver take one part out of a client, so that the suite can show that it notices.
package door

// Parts that are taken out.
type Parts struct {
	// Cache: what is held is forgotten when the stream ends.
	Cache bool
	// Backoff: nothing waits between attempts.
	Backoff bool
	// Resume: tokens are not kept.
	Resume bool
	// Sweep: a snapshot removes nothing.
	Sweep bool
}

// SwitchOff takes parts out of a *personas.Client that was not used yet. That package sets it.
var SwitchOff func(client any, parts Parts)
