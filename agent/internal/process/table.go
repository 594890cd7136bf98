package process

import (
	"crypto/rand"
	"encoding/hex"
	"log"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"atoll.dev/agent/internal/event"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/reap"
	"atoll.dev/agent/internal/ring"
)

const (
	// maxEnded is how many ended processes stay listed.
	maxEnded = 1000
	// maxLogBytes is the output kept of one process, and the longest line.
	maxLogBytes = 1 << 20
	minLogBytes = 64 << 10
)

// Options is what a table needs.
type Options struct {
	Reaper *reap.Reaper
	Events *event.Hub
	// Root is where absolute working directories start.
	Root string
	// WorkingDir is the default one, below Root.
	WorkingDir string
	// BaseEnv is what all processes have, until SetBaseEnv says otherwise.
	BaseEnv map[string]string
	// LogBudgetBytes bounds the output kept of all ended processes.
	LogBudgetBytes int
	// Journal gets the lines of all listed processes; nil where none is kept.
	Journal *journal.Journal
	// SwitchUser is false where the agent may not or must not run processes as other users.
	SwitchUser bool
	// Fork is syscall.ForkExec or something that forks in a better place.
	Fork func(path string, argv []string, attr *syscall.ProcAttr) (int, error)
	// Gate is nil where user processes have no cgroup of their own.
	Gate ForkGate
	// OnStarted sees each new process, before anybody else does.
	OnStarted func(pid int, uid uint32)
	// ClaimOomKill tells whether the kernel killed something for memory that no process has claimed yet.
	ClaimOomKill func() bool
}

// Table is the process table of the sandbox.
type Table struct {
	options  Options
	instance string
	baseEnv  atomic.Pointer[map[string]string]

	mu         sync.Mutex
	nextHandle int64
	byPID      map[int]*Process
	entries    []*Process
}

// NewTable makes an empty table.
func NewTable(options Options) *Table {
	if options.Fork == nil {
		options.Fork = syscall.ForkExec
	}
	if options.ClaimOomKill == nil {
		options.ClaimOomKill = func() bool { return false }
	}
	var instance [6]byte
	_, _ = rand.Read(instance[:])
	table := &Table{options: options, instance: hex.EncodeToString(instance[:]), byPID: map[int]*Process{}}
	table.baseEnv.Store(&options.BaseEnv)
	return table
}

// SetBaseEnv gives processes that start from now on another environment; those that run keep theirs.
func (t *Table) SetBaseEnv(env map[string]string) { t.baseEnv.Store(&env) }

// Find returns the newest process that had this pid, or nil.
func (t *Table) Find(pid int) *Process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byPID[pid]
}

// List returns the listed processes in the order they were started.
func (t *Table) List() []*Process {
	return slices.DeleteFunc(t.all(), func(entry *Process) bool { return entry.unlisted })
}

func (t *Table) all() []*Process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*Process(nil), t.entries...)
}

// Count returns how many processes run and how many are listed.
func (t *Table) Count() (running, total int) {
	for _, entry := range t.List() {
		total++
		if entry.Running() {
			running++
		}
	}
	return running, total
}

// SignalAll reaches every process that runs, unlisted ones too.
func (t *Table) SignalAll(signal syscall.Signal) {
	for _, entry := range t.all() {
		_ = entry.Signal(signal)
	}
}

// AnyRunning tells whether anything that was started here still runs.
func (t *Table) AnyRunning() bool { return slices.ContainsFunc(t.all(), (*Process).Running) }

// KillAll ends everything that was ever started from this table and still runs.
func (t *Table) KillAll() {
	for _, entry := range t.all() {
		entry.Kill()
	}
	killTree(noLeader, markerStartsWith(t.instance+"."), t.options.Gate)
}

// MarkOomKilled is called before the guard kills pid. It returns the handle of the process that pid belongs
// to, or 0.
func (t *Table) MarkOomKilled(pid int) int64 {
	if direct := t.Find(pid); direct != nil && direct.Running() {
		direct.markOomKilled()
		return direct.Handle
	}
	entry, ok := readProcEntry(pid)
	if !ok {
		return 0
	}
	if owner := t.Find(entry.session); owner != nil {
		return owner.Handle
	}
	return 0
}

// logLimit shrinks with the number of running processes, so that many talkative ones stay in bounds.
func (t *Table) logLimit() int {
	running, _ := t.Count()
	return min(maxLogBytes, max(minLogBytes, 2*t.options.LogBudgetBytes/(running+1)))
}

// NewLog makes a log of the size that fits the number of processes.
func (t *Table) NewLog() *ring.Log { return ring.NewLog(t.logLimit()) }

// Forget takes an ended process off the list.
func (t *Table) Forget(process *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked(process)
	t.entries = slices.DeleteFunc(t.entries, func(entry *Process) bool { return entry == process })
}

func (t *Table) register(process *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byPID[process.PID] = process
	t.entries = append(t.entries, process)
}

func (t *Table) reserveHandle() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nextHandle++
	return t.nextHandle
}

// trim forgets the oldest ended processes, and the output of older ones beyond the budget.
func (t *Table) trim() {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept, ended, logBytes := make([]*Process, 0, len(t.entries)), 0, 0
	for index := len(t.entries) - 1; index >= 0; index-- {
		entry := t.entries[index]
		if entry.Running() {
			kept = append(kept, entry)
			continue
		}
		if entry.unlisted {
			t.forgetLocked(entry)
			continue
		}
		ended++
		if !entry.sharesLog || entry.Log.Closed() {
			logBytes += entry.Log.SizeBytes()
			if logBytes > t.options.LogBudgetBytes || ended > maxEnded {
				entry.Log.Drop()
			}
		}
		if ended > maxEnded {
			t.forgetLocked(entry)
			continue
		}
		kept = append(kept, entry)
	}
	for low, high := 0, len(kept)-1; low < high; low, high = low+1, high-1 {
		kept[low], kept[high] = kept[high], kept[low]
	}
	t.entries = kept
}

func (t *Table) forgetLocked(entry *Process) {
	if t.byPID[entry.PID] == entry {
		delete(t.byPID, entry.PID)
	}
}

// resolve maps a path of a request to one that this process can use.
func (t *Table) resolve(path string) string {
	return ResolvePath(t.options.Root, t.options.WorkingDir, path)
}

// ResolvePath makes a path of the wire absolute: relative ones start at workingDir, absolute ones at root.
// A path that already starts with the root of an agent without isolation is what a process there printed.
func ResolvePath(root, workingDir, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(workingDir, path)
	}
	if root == "/" || path == root || strings.HasPrefix(path, root+"/") {
		return filepath.Clean(path)
	}
	return filepath.Join(root, path)
}

// exited is called by the reaper and must not wait.
func (t *Table) exited(process *Process, status syscall.WaitStatus) {
	process.recordExit(status, t.options.ClaimOomKill)
	process.stdin.close()
	if process.timer != nil {
		process.timer.Stop()
	}
	t.options.Events.Publish(exitEvent(process))
	close(process.exited)
	go t.finish(process)
}

// finish owns the end of a process: collect its output, end its followers, make room.
func (t *Table) finish(process *Process) {
	drain(process.pumps, time.Now())
	if !process.sharesLog {
		process.Log.Close()
	}
	close(process.done)
	t.trim()
}

func exitEvent(process *Process) event.Event {
	state := process.Snapshot()
	return event.Event{
		Event:       "exit",
		TimestampMs: time.Now().UnixMilli(),
		Handle:      process.Handle,
		PID:         process.PID,
		ExitCode:    state.ExitCode,
		Signal:      state.Signal,
		OomKilled:   &state.OomKilled,
	}
}

// RecordFailure lists a process that could not be started, as the entrypoint of a wrong image.
func (t *Table) RecordFailure(spec Spec, cause error) {
	log.Printf("start %s: %v", spec.Command, cause)
	now := time.Now()
	entry := &Process{
		Handle: t.reserveHandle(), Command: spec.Command, Args: spec.Args, StartedAt: now,
		Log: ring.NewLog(minLogBytes), exited: make(chan struct{}), done: make(chan struct{}),
		status: StatusExited, exitCode: 127, endedAt: now,
	}
	entry.Log.Append(ring.Record{TimestampMs: now.UnixMilli(), Stream: StreamStderr, Text: []byte(cause.Error())})
	entry.Log.Close()
	close(entry.exited)
	close(entry.done)
	t.register(entry)
}
