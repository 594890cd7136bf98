package supervise

import (
	"errors"
	"slices"
	"strconv"
	"sync"

	"atoll.dev/agent/internal/process"
)

// maxManaged bounds the managed processes that are remembered.
const maxManaged = 1000

var (
	// ErrNameTaken refuses a name whose process has not been stopped.
	ErrNameTaken = errors.New("a managed process with this name is not stopped: stop or restart it, or choose another name")
	// ErrTooMany refuses managed processes beyond the limit.
	ErrTooMany = errors.New("too many managed processes: stop some first")

	errNotStopped = errors.New("the process is not stopped")
)

// Supervisor has all managed processes of the sandbox.
type Supervisor struct {
	table  *process.Table
	closed chan struct{}

	mu      sync.Mutex
	entries []*Managed
	nextID  int
}

// New makes a supervisor whose processes belong to the table.
func New(table *process.Table) *Supervisor {
	return &Supervisor{table: table, closed: make(chan struct{})}
}

// Start starts a managed process. One that cannot be started is not remembered.
func (s *Supervisor) Start(name string, spec process.Spec, restart Restart, check *Check) (*Managed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID++
	id := name
	if id == "" {
		id = "managed-" + strconv.Itoa(s.nextID)
	}
	m := &Managed{
		ID: id, Name: name, Restart: restart, Check: check, table: s.table, spec: spec,
		commands: make(chan command), closed: s.closed, retired: make(chan struct{}),
	}
	if err := s.addLocked(m); err != nil {
		return nil, err
	}
	go m.own()
	return m, nil
}

// addLocked starts a process in the place of a stopped one with its name, or of the oldest stopped one beyond the limit.
func (s *Supervisor) addLocked(m *Managed) error {
	index := slices.IndexFunc(s.entries, func(other *Managed) bool { return m.Name != "" && other.Name == m.Name })
	taken := ErrNameTaken
	if index < 0 {
		if len(s.entries) < maxManaged {
			return s.beginLocked(m)
		}
		taken = ErrTooMany
		if index = slices.IndexFunc(s.entries, (*Managed).stopped); index < 0 {
			return taken
		}
	}
	replaced := s.entries[index]
	err := replaced.retire(func() error { return s.beginLocked(m) })
	if errors.Is(err, errNotStopped) {
		return taken
	}
	if err == nil {
		s.entries = slices.DeleteFunc(s.entries, func(other *Managed) bool { return other == replaced })
	}
	return err
}

func (s *Supervisor) beginLocked(m *Managed) error {
	if err := m.begin(); err != nil {
		return err
	}
	s.entries = append(s.entries, m)
	return nil
}

func (m *Managed) stopped() bool { return m.State().Status == Stopped }

// Find returns the managed process with this name, or nil.
func (s *Supervisor) Find(name string) *Managed {
	return s.find(func(m *Managed) bool { return m.Name != "" && m.Name == name })
}

// Of returns the managed process that this is the current run of, or nil.
func (s *Supervisor) Of(run *process.Process) *Managed {
	return s.find(func(m *Managed) bool { return m.Current() == run })
}

func (s *Supervisor) find(wanted func(*Managed) bool) *Managed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if index := slices.IndexFunc(s.entries, wanted); index >= 0 {
		return s.entries[index]
	}
	return nil
}

// Close ends the supervision and leaves the processes as they are.
func (s *Supervisor) Close() { close(s.closed) }
