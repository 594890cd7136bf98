package process

import (
	"sync"
	"syscall"
	"time"

	"atoll.dev/agent/internal/awake"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/ring"
)

// Process is one entry of the table, running or ended.
type Process struct {
	Handle    int64
	PID       int
	Command   string
	Args      []string
	StartedAt time.Time
	Log       *ring.Log

	// unlisted processes are shown elsewhere.
	unlisted bool
	// sharesLog tells that other runs write to the log too.
	sharesLog bool

	// source is how the journal calls it.
	source *journal.Source
	marker string
	gate   ForkGate
	stdin  *stdin
	pumps  []*pump
	timer  *awake.Timer
	// exited is closed at the end of the process, done once its output has been collected too.
	exited chan struct{}
	done   chan struct{}

	mu         sync.Mutex
	status     Status
	exitCode   int
	signal     int
	oomKilled  bool
	killedByUs bool
	endedAt    time.Time
}

// Snapshot is the state of a process at one moment.
type Snapshot struct {
	Status        Status
	ExitCode      *int
	Signal        *int
	OomKilled     bool
	StdinWritable bool
	EndedAt       *time.Time
}

// Snapshot reads the state consistently.
func (p *Process) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	snapshot := Snapshot{Status: p.status, OomKilled: p.oomKilled}
	switch {
	case p.status == StatusRunning:
		snapshot.StdinWritable = p.stdin.writable()
		return snapshot
	case p.status == StatusExited:
		code := p.exitCode
		snapshot.ExitCode = &code
	default:
		number := p.signal
		snapshot.Signal = &number
	}
	endedAt := p.endedAt
	snapshot.EndedAt = &endedAt
	return snapshot
}

// Running tells whether the process itself, not its children, is alive.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status == StatusRunning
}

// Exited is closed once the process ended. Its output may still be on its way to those who follow it.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Done is closed once the process ended and its output was collected.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends to the whole process group.
func (p *Process) Signal(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != StatusRunning {
		return ErrNotRunning
	}
	if signal == syscall.SIGKILL {
		p.killedByUs = true
	}
	return syscall.Kill(-p.PID, signal)
}

// Kill ends the process group; an ended process is left as it is.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
}

// KillTree ends everything that the process started, also what left its group and its session.
func (p *Process) KillTree() {
	leader := p.PID
	if p.Signal(syscall.SIGKILL) != nil {
		leader = noLeader
	}
	killTree(leader, markerIs(p.marker), p.gate)
}

// Members are the pids of the process and of all that it has started and that still runs, wherever that went.
func (p *Process) Members() []int {
	leader := p.PID
	if !p.Running() {
		leader = noLeader
	}
	return descendants(leader, markerIs(p.marker), scanProc())
}

// markOomKilled makes the exit count as an OOM kill; called before the guard kills.
func (p *Process) markOomKilled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status == StatusRunning {
		p.oomKilled = true
	}
}

// recordExit notes how the process ended. An OOM mark counts only if the process really died of SIGKILL.
func (p *Process) recordExit(status syscall.WaitStatus, claimOomKill func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endedAt = time.Now()
	if !status.Signaled() {
		p.status, p.exitCode, p.oomKilled = StatusExited, status.ExitStatus(), false
		return
	}
	p.status, p.signal = StatusSignaled, int(status.Signal())
	if status.Signal() != syscall.SIGKILL {
		p.oomKilled = false
		return
	}
	p.oomKilled = p.oomKilled || (!p.killedByUs && claimOomKill())
	if p.oomKilled {
		p.status = StatusOomKilled
	}
}
