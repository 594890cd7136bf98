// Package process runs the processes of the sandbox: start, capture, signal, end.
package process

import (
	"errors"
	"fmt"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/ring"
)

// Spec is what a process is started from.
type Spec struct {
	Command string
	Args    []string
	// Env is added to the base environment.
	Env map[string]string
	// DefaultEnv is what applies where neither the image nor the request says otherwise.
	DefaultEnv map[string]string
	// WorkingDir may be relative to the image's, which "" stands for.
	WorkingDir string
	Credential account.Credential
	// Log takes the output of several runs, one after the other; who gave it closes it. nil is one of its own.
	Log           *ring.Log
	StdinPipe     bool
	DiscardStdout bool
	DiscardStderr bool
	// Timeout kills the process and its descendants; 0 is none.
	Timeout time.Duration
	// ManagedID and ManagedName are for processes that are started again.
	ManagedID   string
	ManagedName string
}

// Status is where a process is.
type Status string

// The statuses that the wire knows.
const (
	StatusRunning   Status = "running"
	StatusExited    Status = "exited"
	StatusSignaled  Status = "signaled"
	StatusOomKilled Status = "oom_killed"
)

// Streams of a process as records of its log name them.
const (
	StreamStdout byte = 1
	StreamStderr byte = 2
)

var (
	// ErrNotRunning refuses a signal to a process that ended.
	ErrNotRunning = errors.New("process is not running")
	// ErrStdinNotWritable refuses input to a process without an open stdin pipe.
	ErrStdinNotWritable = errors.New("stdin is not writable")
)

// SpawnError says why a process could not be started.
type SpawnError struct {
	// Subject is what failed when it is not the command itself.
	Subject string
	Cause   error
}

func (e *SpawnError) Error() string {
	if e.Subject == "" {
		return "Failed to spawn process: " + describeErrno(e.Cause)
	}
	return fmt.Sprintf("Failed to spawn process: %s: %s", e.Subject, describeErrno(e.Cause))
}

func (e *SpawnError) Unwrap() error { return e.Cause }
