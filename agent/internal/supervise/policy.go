// Package supervise keeps managed processes running: restarts with back-off, health checks, names.
package supervise

import (
	"time"

	"atoll.dev/agent/internal/process"
)

// Policy says when a process that ended is started again.
type Policy string

// The policies that the wire knows.
const (
	Never     Policy = "never"
	OnFailure Policy = "on_failure"
	Always    Policy = "always"
)

// Restart is the policy with its limits.
type Restart struct {
	Policy Policy
	// MaxRestarts is nil for no limit.
	MaxRestarts    *int
	InitialBackoff time.Duration
	MaxBackoff     time.Duration
	// Announce, where given, says in the output what comes next, before each restart by the policy.
	Announce func(exit process.Snapshot, attempt int) string
}

// Check is a health check of a port on the loopback.
type Check struct {
	// HTTP asks for Path and wants a status below 400; else a connection is enough.
	HTTP             bool
	Port             uint16
	Path             string
	InitialDelay     time.Duration
	Interval         time.Duration
	Timeout          time.Duration
	FailureThreshold int
}

// steadyAfter is how long a process must have run for its next failure to be the first in a row again.
const steadyAfter = 10 * time.Second

// backoff doubles from failure to failure.
func (r Restart) backoff(failuresInRow int) time.Duration {
	pause := r.InitialBackoff
	for range failuresInRow {
		if pause >= r.MaxBackoff/2 {
			return r.MaxBackoff
		}
		pause *= 2
	}
	return min(pause, r.MaxBackoff)
}

// wants tells whether the policy asks for another run after this end.
func (r Restart) wants(failed bool, restarts int) bool {
	if r.MaxRestarts != nil && restarts >= *r.MaxRestarts {
		return false
	}
	return r.Policy == Always || r.Policy == OnFailure && failed
}
