package process

import (
	"os"

	"atoll.dev/agent/internal/ring"
)

// Piped is a process whose standard streams belong to who started it: plain bytes, in no log.
type Piped struct {
	*Process
	Stdin, Stdout, Stderr *os.File
}

// StartPiped runs a process for one caller. It is not in the list of processes, but ends with them all.
func (t *Table) StartPiped(spec Spec) (*Piped, error) {
	handle := t.reserveHandle()
	marker := t.marker(handle)
	plan, err := t.plan(spec, marker)
	if err != nil {
		return nil, err
	}
	spec.StdinPipe = true
	pipes, err := openPipes(spec, t.switchesTo(spec))
	if err != nil {
		return nil, &SpawnError{Cause: err}
	}
	defer pipes.closeChildEnds()
	process := &Process{
		Handle: handle, Command: spec.Command, Args: spec.Args, Log: ring.NewLog(minLogBytes), unlisted: true,
		marker: marker, gate: t.options.Gate, status: StatusRunning,
		exited: make(chan struct{}), done: make(chan struct{}),
	}
	if err := t.spawn(process, plan, pipes, spec); err != nil {
		pipes.closeAgentEnds()
		return nil, err
	}
	return &Piped{Process: process, Stdin: pipes.stdin, Stdout: pipes.stdout, Stderr: pipes.stderr}, nil
}
