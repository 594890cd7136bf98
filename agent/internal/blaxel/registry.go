package blaxel

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/supervise"
)

// entry is a process as this dialect shows it: one that was started here keeps its pid and name through restarts.
type entry struct {
	pid        int
	name       string
	command    string
	workingDir string
	keepAlive  bool
	restarts   bool
	// maxRestarts is as it was given; negative is no limit.
	maxRestarts int
	// managed is nil for a process that the other dialect started without a name.
	managed *supervise.Managed
	run     *process.Process

	mu sync.Mutex
	// endedBy is how somebody ended it: stopped or killed.
	endedBy string
}

func (e *entry) current() *process.Process {
	if e.managed != nil {
		return e.managed.Current()
	}
	return e.run
}

func (e *entry) mark(ending string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.endedBy = ending
}

func (e *entry) ending() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.endedBy
}

// registry knows the processes of the sandbox by the names of this dialect.
type registry struct {
	options Options
	holds   *Holds

	// starting admits one start at a time, so that a name is taken once.
	starting sync.Mutex

	mu      sync.Mutex
	entries []*entry
	// entrypoint is the program of the image. It is found by its name, but not listed: clients expect what they started.
	entrypoint *process.Process
}

const entrypointName = "entrypoint"

func newRegistry(options Options, holds *Holds) *registry {
	return &registry{options: options, holds: holds}
}

// add remembers a process, and forgets those that the table has forgotten.
func (g *registry) add(one *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	listed := g.options.Table.List()
	g.entries = slices.DeleteFunc(g.entries, func(e *entry) bool { return !slices.Contains(listed, e.current()) })
	g.entries = append(g.entries, one)
}

func (g *registry) known() []*entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.entries)
}

// list returns every process of the sandbox but its entrypoint in the order of their starts.
func (g *registry) list() []*entry {
	entrypoint := g.entrypointRun()
	return slices.DeleteFunc(g.all(), func(one *entry) bool { return entrypoint != nil && one.current() == entrypoint })
}

func (g *registry) entrypointRun() *process.Process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.entrypoint
}

func (g *registry) all() []*entry {
	byRun := map[*process.Process]*entry{}
	for _, one := range g.known() {
		byRun[one.current()] = one
	}
	var all []*entry
	for _, run := range g.options.Table.List() {
		if one := byRun[run]; one != nil {
			all = append(all, one)
		} else {
			all = append(all, g.foreign(run))
		}
	}
	return all
}

// foreign is a process of the other dialect, with a name where that gave it one.
func (g *registry) foreign(run *process.Process) *entry {
	one := &entry{pid: run.PID, name: "proc-" + strconv.Itoa(run.PID), command: commandLine(run), run: run}
	if run == g.entrypointRun() {
		one.name = entrypointName
	}
	if managed := g.options.Supervisor.Of(run); managed != nil {
		one.managed, one.name = managed, managed.ID
	}
	return one
}

// find reads a pid or a name; of several with one name the newest is meant.
func (g *registry) find(identifier string) *entry {
	pid, err := strconv.Atoi(identifier)
	for _, one := range slices.Backward(g.all()) {
		if one.name == identifier || (err == nil && (one.pid == pid || one.current().PID == pid)) {
			return one
		}
	}
	return nil
}

func commandLine(run *process.Process) string {
	line := run.Command
	for _, arg := range run.Args {
		line += " " + arg
	}
	return line
}

const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

func inventName() string {
	var bytes [8]byte
	_, _ = rand.Read(bytes[:])
	for index, value := range bytes {
		bytes[index] = nameLetters[int(value)%len(nameLetters)]
	}
	return "proc-" + string(bytes[:])
}

// start starts a process, which has its name to itself while it runs.
func (g *registry) start(spec process.Spec, one *entry) error {
	g.starting.Lock()
	defer g.starting.Unlock()
	restart := supervise.Restart{Policy: supervise.Never}
	if one.restarts {
		restart = restartOf(one.maxRestarts)
	}
	managed, err := g.options.Supervisor.Start(one.name, spec, restart, nil)
	if err != nil {
		return err
	}
	one.managed, one.pid = managed, managed.Current().PID
	g.add(one)
	return nil
}

const restartPause = time.Second

func restartOf(maxRestarts int) supervise.Restart {
	restart := supervise.Restart{
		Policy: supervise.OnFailure, InitialBackoff: restartPause, MaxBackoff: restartPause,
	}
	limit := "∞"
	if maxRestarts >= 0 {
		restart.MaxRestarts, limit = &maxRestarts, strconv.Itoa(maxRestarts)
	}
	restart.Announce = func(exit process.Snapshot, attempt int) string {
		return fmt.Sprintf("[Process failed with exit code %d. Attempting restart %d/%s...]", exitCodeOf(exit), attempt, limit)
	}
	return restart
}

// exitCodeOf is as a shell has it for a process that a signal ended.
func exitCodeOf(state process.Snapshot) int {
	switch {
	case state.ExitCode != nil:
		return *state.ExitCode
	case state.Signal != nil:
		return 128 + *state.Signal
	}
	return 0
}
