package terminal

import (
	"errors"
	"os"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
	"atoll.dev/agent/internal/websocket"
)

const (
	replayBytes = 1 << 20
	chunkBytes  = 32 << 10
	// drainSilence, drainTime and drainBytes bound what is read after the exit from a terminal that others
	// still hold open.
	drainSilence = 100 * time.Millisecond
	drainTime    = time.Second
	drainBytes   = 1 << 20
	// killGrace is how long a process may take to end after the hang-up.
	killGrace = 5 * time.Second
)

// Session is one process on a terminal, with what it printed last and the clients that look at it.
type Session struct {
	ID        string
	Token     string
	CreatedAt time.Time
	terminal  *process.Terminal
	output    *ring.Log
	input     chan []byte

	mu      sync.Mutex
	size    process.Size
	viewers map[*viewer]struct{}
	printed int64
	// ended is nil while the process runs or its last output is being collected.
	ended        *process.Snapshot
	isTerminated bool
	ticks        int
	lonelyTicks  int
	ageTicks     int
	// opening makes the process wait for its first client, who is on the way, instead of losing output.
	opening *ring.Reader
}

func newSession(terminal *process.Terminal, size process.Size) *Session {
	s := &Session{
		ID: newID(), Token: newToken(), CreatedAt: terminal.StartedAt, terminal: terminal,
		output: ring.NewLog(replayBytes), input: make(chan []byte), size: size, viewers: map[*viewer]struct{}{},
		lonelyTicks: lonelyTicks,
	}
	s.opening = s.output.NewReader()
	go s.pump()
	go s.typeInput()
	return s
}

// takeOpening is the reader of the first client that is ready, else a new one.
func (s *Session) takeOpening() *ring.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	reader := s.opening
	s.opening = nil
	if reader == nil {
		reader = s.output.NewReader()
	}
	return reader
}

func (s *Session) dropOpeningLocked() {
	if s.opening != nil {
		s.opening.Close()
		s.opening = nil
	}
}

// Info is a session at one moment.
type Info struct {
	PID     int
	Command string
	Args    []string
	Size    process.Size
	EndedAt *time.Time
	// ExitCode is 128 + the number of the signal for a process that died of one.
	ExitCode *int
}

// Info reads the session's state consistently.
func (s *Session) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := Info{PID: s.terminal.PID, Command: s.terminal.Command, Args: s.terminal.Args, Size: s.size}
	if s.ended != nil {
		code := exitCodeOf(*s.ended)
		info.EndedAt, info.ExitCode = s.ended.EndedAt, &code
	}
	return info
}

func exitCodeOf(state process.Snapshot) int {
	if state.ExitCode != nil {
		return *state.ExitCode
	}
	return 128 + *state.Signal
}

// Resize sets the size for all clients.
func (s *Session) Resize(size process.Size) {
	size = clamp(size)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = size
	_ = s.terminal.Resize(size)
}

// KeepFor sets how long the session lives without clients.
func (s *Session) KeepFor(time time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lonelyTicks = int(time / tick)
}

// Terminate ends the session: clients at once, the process by a hang-up and, if that does not do, by force.
func (s *Session) Terminate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isTerminated {
		return
	}
	s.isTerminated = true
	s.dropOpeningLocked()
	for viewer := range s.viewers {
		viewer.end(&websocket.CloseError{Code: websocket.GoingAway, Reason: "session terminated"})
	}
	if s.ended == nil {
		go s.kill()
	}
}

func (s *Session) kill() {
	s.terminal.Hangup()
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-s.terminal.Done():
	case <-timer.C:
		s.terminal.KillTree()
	}
}

// alive tells whether the session counts for the limit.
func (s *Session) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended == nil
}

func (s *Session) terminated() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isTerminated
}

// age is called once a tick and tells whether the session can be forgotten.
func (s *Session) age() bool {
	s.mu.Lock()
	s.ticks++
	s.ageTicks++
	if s.ageTicks > openingTicks {
		s.dropOpeningLocked()
	}
	if len(s.viewers) > 0 {
		s.ticks = 0
	}
	s.dropStalledLocked()
	over := s.ended != nil && (s.isTerminated || s.ticks > keptTicks)
	lonely := s.ended == nil && s.ticks > s.lonelyTicks
	s.mu.Unlock()
	if lonely {
		s.Terminate()
	}
	return over
}

// pump moves what the process prints into the output, which makes it wait for the slowest client.
func (s *Session) pump() {
	go func() {
		<-s.terminal.Done()
		_ = s.terminal.Master.SetReadDeadline(time.Now().Add(drainSilence))
	}()
	buffer := make([]byte, chunkBytes)
	drain := drainBudget{}
	for {
		count, err := s.terminal.Master.Read(buffer)
		s.print(buffer[:count])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if s.terminal.Running() {
			continue
		}
		if err != nil || !drain.spend(count) {
			break
		}
		_ = s.terminal.Master.SetReadDeadline(time.Now().Add(drainSilence))
	}
	s.finish()
}

// drainBudget ends the reading of a terminal into which others keep printing after its process ended.
type drainBudget struct {
	since time.Time
	bytes int
}

func (d *drainBudget) spend(count int) bool {
	if d.since.IsZero() {
		d.since = time.Now()
	}
	d.bytes += count
	return d.bytes < drainBytes && time.Since(d.since) < drainTime
}

func (s *Session) print(chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	s.output.Append(ring.Record{Text: chunk})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.printed += int64(len(chunk))
	for viewer := range s.viewers {
		viewer.checkPreReadyLocked(s.printed)
	}
}

// finish hangs the terminal up for whoever is left on it and lets the clients read to the end.
func (s *Session) finish() {
	<-s.terminal.Done()
	_ = s.terminal.Master.Close()
	state := s.terminal.Snapshot()
	s.mu.Lock()
	s.ended, s.ticks = &state, 0
	s.mu.Unlock()
	s.output.Close()
}

// typeInput is the only writer of the terminal. It waits for a process that does not read.
func (s *Session) typeInput() {
	for {
		select {
		case <-s.terminal.Done():
			return
		case data := <-s.input:
			_, _ = s.terminal.Master.Write(data)
		}
	}
}
