package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"atoll.dev/agent/internal/awake"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/ring"
)

const maxCommandLine = 512

// Start runs a process in a session of its own. follow returns a reader that misses nothing.
func (t *Table) Start(spec Spec, follow bool) (*Process, *ring.Reader, error) {
	handle := t.reserveHandle()
	marker := t.marker(handle)
	plan, err := t.plan(spec, marker)
	if err != nil {
		return nil, nil, err
	}
	pipes, err := openPipes(spec, t.switchesTo(spec))
	if err != nil {
		return nil, nil, &SpawnError{Cause: err}
	}
	defer pipes.closeChildEnds()
	process := &Process{
		Handle: handle, Command: spec.Command, Args: spec.Args, Log: spec.Log, sharesLog: spec.Log != nil,
		marker: marker, gate: t.options.Gate, status: StatusRunning,
		exited: make(chan struct{}), done: make(chan struct{}),
	}
	if !process.sharesLog {
		process.Log = t.NewLog()
	}
	t.connect(process, pipes)
	var reader *ring.Reader
	if follow {
		reader = process.Log.NewReader()
	}
	if err := t.spawn(process, plan, pipes, spec); err != nil {
		pipes.closeAgentEnds()
		return nil, nil, err
	}
	return process, reader, nil
}

func (t *Table) marker(handle int64) string { return fmt.Sprintf("%s.%d", t.instance, handle) }

func (t *Table) connect(process *Process, pipes *pipes) {
	if pipes.stdin != nil {
		process.stdin = newStdin(pipes.stdin)
	}
	limit := t.logLimit()
	for stream, pipe := range map[byte]*os.File{StreamStdout: pipes.stdout, StreamStderr: pipes.stderr} {
		if pipe != nil {
			pump := newPump(pipe, stream, process.Log, limit)
			pump.journal = t.journalOf(process, stream)
			process.pumps = append(process.pumps, pump)
		}
	}
}

// journalOf reads the source when a line comes: pumps run only once the process has one.
func (t *Table) journalOf(process *Process, stream byte) func([]byte) {
	if t.options.Journal == nil {
		return nil
	}
	return func(line []byte) { t.options.Journal.Append(process.source, stream, line) }
}

// spawn forks while the reaper is held off, so the process is in the table before it can be collected.
func (t *Table) spawn(process *Process, plan *plan, pipes *pipes, spec Spec) error {
	fork := func() (int, error) {
		pid, err := t.fork(plan, pipes)
		if err != nil {
			return 0, err
		}
		t.started(process, pid, spec)
		return pid, nil
	}
	onExit := func(_ int, status syscall.WaitStatus) { t.exited(process, status) }
	if _, err := t.options.Reaper.Spawn(fork, onExit); err != nil {
		return t.explain(err, plan)
	}
	for _, pump := range process.pumps {
		go pump.run()
	}
	return nil
}

// sourceOf names a process among all of its sandbox, also where handles are given again after an older checkpoint.
func sourceOf(process *Process, spec Spec) *journal.Source {
	return &journal.Source{
		ID:  fmt.Sprintf("%d-%s", process.Handle, strconv.FormatInt(process.StartedAt.UnixMilli(), 36)),
		PID: process.PID, Command: commandLine(spec), ManagedID: spec.ManagedID, ManagedName: spec.ManagedName,
	}
}

// commandLine is for people to read, and bounded: it is kept with each process that printed.
func commandLine(spec Spec) string {
	line := strings.ToValidUTF8(strings.Join(append([]string{spec.Command}, spec.Args...), " "), "\uFFFD")
	if len(line) <= maxCommandLine {
		return line
	}
	return strings.ToValidUTF8(line[:maxCommandLine], "") + "…"
}

func (t *Table) started(process *Process, pid int, spec Spec) {
	process.PID, process.StartedAt = pid, time.Now()
	process.source = sourceOf(process, spec)
	if t.options.OnStarted != nil {
		t.options.OnStarted(pid, spec.Credential.UID)
	}
	if spec.Timeout > 0 {
		process.timer = awake.AfterFunc(spec.Timeout, process.KillTree)
	}
	t.register(process)
}

// fork hands a file without a known format to the shell, as execvp does.
func (t *Table) fork(plan *plan, pipes *pipes) (int, error) {
	attr := &syscall.ProcAttr{
		Dir: plan.dir, Env: plan.env, Files: pipes.childFiles(),
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: pipes.terminal, Credential: plan.credential},
	}
	pid, err := t.options.Fork(plan.path, plan.argv, attr)
	if !errors.Is(err, syscall.ENOEXEC) {
		return pid, err
	}
	argv := append([]string{"/bin/sh", plan.path}, plan.argv[1:]...)
	return t.options.Fork("/bin/sh", argv, attr)
}

// explain names the working directory when that is what the user may not enter.
func (t *Table) explain(err error, plan *plan) error {
	if errors.Is(err, syscall.EACCES) && plan.enter() != nil {
		return &SpawnError{Subject: "working directory " + plan.shownDir, Cause: err}
	}
	return &SpawnError{Cause: err}
}

func (t *Table) switchesTo(spec Spec) *owner {
	if !t.options.SwitchUser {
		return nil
	}
	return &owner{uid: int(spec.Credential.UID), gid: int(spec.Credential.GID)}
}
