package supervise

import (
	"context"
	"fmt"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
)

// Status is where a managed process is.
type Status string

// Health is what its health check says.
type Health string

// The statuses that the wire knows.
const (
	Starting   Status = "starting"
	Running    Status = "running"
	BackingOff Status = "backing_off"
	Stopped    Status = "stopped"

	HealthDisabled Health = "disabled"
	HealthStarting Health = "starting"
	Healthy        Health = "healthy"
	Unhealthy      Health = "unhealthy"
)

// State is a managed process at one moment.
type State struct {
	Status         Status
	RestartCount   int
	Health         Health
	HealthFailures int
	LastExit       *process.Snapshot
	LastError      string
	NextRestartAt  *time.Time
}

// Managed is one process that is started again as its policy says. Its runs follow each other: one entry in
// the list of processes, one output.
type Managed struct {
	ID      string
	Name    string
	Restart Restart
	Check   *Check

	table    *process.Table
	spec     process.Spec
	commands chan command
	closed   <-chan struct{}
	// retired is closed when another process takes the name.
	retired chan struct{}

	mu      sync.Mutex
	current *process.Process
	state   State
	// restarts counts those since somebody last asked for one, failuresInRow those that set the back-off.
	restarts      int
	failuresInRow int
	endWatch      context.CancelFunc
	givenUp       bool
	isRetired     bool
}

// followerGrace is how long the end of a run, after the process itself ended, waits for those who follow its output.
const followerGrace = 2 * time.Second

// command is a request to the goroutine that owns the runs.
type command struct {
	restart bool
	reply   chan error
}

// Current is the run that is going on, or the last one.
func (m *Managed) Current() *process.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

// State reads the state consistently.
func (m *Managed) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Stop ends the process for good, with all that it started.
func (m *Managed) Stop() error { return m.ask(command{}) }

// RestartNow ends the process, if it runs, and starts it again at once.
func (m *Managed) RestartNow() error { return m.ask(command{restart: true}) }

func (m *Managed) ask(c command) error {
	c.reply = make(chan error, 1)
	select {
	case m.commands <- c:
		return <-c.reply
	case <-m.closed:
		return process.ErrNotRunning
	case <-m.retired:
		return process.ErrNotRunning
	}
}

// own reacts to ends, pauses and requests until the supervisor closes.
func (m *Managed) own() {
	pause := time.NewTimer(time.Hour)
	pause.Stop()
	ended := m.Current().Done()
	for {
		select {
		case <-m.closed:
			m.unwatch()
			return
		case <-m.retired:
			return
		case <-ended:
			ended = m.afterExit(pause)
		case <-pause.C:
			ended = m.startAgain(pause)
		case c := <-m.commands:
			pause.Stop()
			ended = m.obey(c, pause)
		}
	}
}

// begin starts a run. Its output continues that of the run before.
func (m *Managed) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isRetired {
		return process.ErrNotRunning
	}
	if m.spec.Log == nil {
		m.spec.Log = m.table.NewLog()
	}
	m.spec.ManagedID, m.spec.ManagedName = m.ID, m.Name
	next, _, err := m.table.Start(m.spec, false)
	if err != nil {
		return err
	}
	if m.current != nil {
		m.table.Forget(m.current)
	}
	m.current = next
	m.state.Status, m.state.Health, m.state.HealthFailures, m.state.NextRestartAt = Running, HealthDisabled, 0, nil
	if m.Check != nil {
		m.state.Status, m.state.Health = Starting, HealthStarting
		ctx, cancel := context.WithCancel(context.Background())
		m.endWatch = cancel
		go m.Check.watch(ctx, func(err error) bool { return m.judge(next, err) })
	}
	return nil
}

// retire starts another process in the place of this one, unless this one runs, or is about to. It does not run again: a
// restart that was asked for at the same time waits for the lock, and comes too late. Where the other cannot be started
// it stays as it was.
func (m *Managed) retire(startOther func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Status != Stopped {
		return errNotStopped
	}
	if err := startOther(); err != nil {
		return err
	}
	m.isRetired = true
	close(m.retired)
	return nil
}

func (m *Managed) unwatch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.endWatch != nil {
		m.endWatch()
		m.endWatch = nil
	}
}

// judge notes one result of the health check. A process that is unhealthy is ended where the policy will
// start it again.
func (m *Managed) judge(run *process.Process, err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current != run || !run.Running() {
		return false
	}
	if err == nil {
		m.state.Status, m.state.Health, m.state.HealthFailures = Running, Healthy, 0
		return true
	}
	m.state.HealthFailures++
	if m.state.HealthFailures < m.Check.FailureThreshold {
		return true
	}
	m.state.Health, m.state.LastError = Unhealthy, fmt.Sprintf("health check failed: %v", err)
	if !m.Restart.wants(true, m.restarts) {
		return true
	}
	go run.KillTree()
	return false
}

// afterExit decides what follows the end of a run; the result is the end to wait for next.
func (m *Managed) afterExit(pause *time.Timer) <-chan struct{} {
	m.unwatch()
	m.mu.Lock()
	defer m.mu.Unlock()
	exit := m.current.Snapshot()
	m.state.LastExit = &exit
	if exit.EndedAt.Sub(m.current.StartedAt) >= steadyAfter {
		m.failuresInRow = 0
	}
	m.backOffLocked(exit.ExitCode == nil || *exit.ExitCode != 0, pause)
	return nil
}

func (m *Managed) backOffLocked(failed bool, pause *time.Timer) {
	if m.givenUp || m.isRetired || !m.Restart.wants(failed, m.restarts) {
		m.stopLocked()
		return
	}
	m.announceLocked()
	wait := m.Restart.backoff(m.failuresInRow)
	m.failuresInRow++
	at := time.Now().Add(wait)
	m.state.Status, m.state.NextRestartAt = BackingOff, &at
	pause.Reset(wait)
}

// announceLocked does not wait for followers: one that does not read would hold up all who ask for the state.
func (m *Managed) announceLocked() {
	if m.Restart.Announce == nil || m.state.LastExit == nil {
		return
	}
	text := m.Restart.Announce(*m.state.LastExit, m.restarts+1)
	m.spec.Log.AppendNow(ring.Record{
		TimestampMs: time.Now().UnixMilli(), Stream: process.StreamStdout, Text: []byte(text),
	})
}

// GiveUp has the end of this run be the last one, however it ends; a pause before a restart ends now.
func (m *Managed) GiveUp() {
	m.mu.Lock()
	m.givenUp = true
	pausing := m.state.Status == BackingOff
	m.mu.Unlock()
	if pausing {
		_ = m.Stop()
	}
}

// stopLocked ends the followers of the output too.
func (m *Managed) stopLocked() {
	m.state.Status, m.state.NextRestartAt = Stopped, nil
	if m.spec.Log != nil {
		m.spec.Log.Close()
		m.spec.Log = nil
	}
}

func (m *Managed) startAgain(pause *time.Timer) <-chan struct{} {
	m.mu.Lock()
	m.restarts++
	m.state.RestartCount++
	m.mu.Unlock()
	return m.tryBegin(pause)
}

// tryBegin treats a start that fails as a run that does.
func (m *Managed) tryBegin(pause *time.Timer) <-chan struct{} {
	if err := m.begin(); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.state.LastError = err.Error()
		m.backOffLocked(true, pause)
		return nil
	}
	return m.Current().Done()
}

func (m *Managed) obey(c command, pause *time.Timer) <-chan struct{} {
	m.unwatch()
	m.end()
	if !c.restart {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.stopLocked()
		c.reply <- nil
		return nil
	}
	m.mu.Lock()
	m.restarts, m.failuresInRow, m.givenUp = 0, 0, false
	m.state.RestartCount++
	m.mu.Unlock()
	ended := m.tryBegin(pause)
	if ended == nil {
		c.reply <- &process.SpawnError{Subject: "restart", Cause: fmt.Errorf("%s", m.State().LastError)}
	} else {
		c.reply <- nil
	}
	return ended
}

// end kills the run and notes how it ended. Followers get a moment to read the rest; one that does not read holds
// neither a stop nor a restart up.
func (m *Managed) end() {
	current := m.Current()
	if current.Running() {
		current.KillTree()
	}
	<-current.Exited()
	select {
	case <-current.Done():
	case <-time.After(followerGrace):
	}
	exit := current.Snapshot()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.LastExit = &exit
}
