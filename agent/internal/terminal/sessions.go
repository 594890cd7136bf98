// Package terminal keeps terminal sessions: processes on a terminal that clients attach to and leave.
package terminal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
)

const (
	maxSessions = 64
	maxRows     = 500
	maxCols     = 1000
	// lonelyTicks is how long a session without clients lives, keptTicks how long an ended one can be read.
	lonelyTicks = 300
	keptTicks   = 60
	// openingTicks is how long a process waits for its first client rather than losing output.
	openingTicks = 5
	tick         = time.Second

	idChars  = 21
	alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// ErrTooMany refuses a session beyond the limit.
var ErrTooMany = errors.New("too many terminal sessions: 64 are open; end one of them first")

// Sessions are all terminal sessions of the sandbox.
type Sessions struct {
	table *process.Table
	tick  time.Duration

	mu       sync.Mutex
	sessions []*Session
	// opening counts sessions whose process is being started.
	opening int
	ticking bool
}

// NewSessions makes an empty set of sessions whose processes belong to the table.
func NewSessions(table *process.Table) *Sessions { return &Sessions{table: table, tick: tick} }

// Open starts a process on a terminal. A size outside of the limits is brought within them.
func (s *Sessions) Open(spec process.Spec, size process.Size) (*Session, error) {
	if err := s.reserve(); err != nil {
		return nil, err
	}
	size = clamp(size)
	terminal, err := s.table.StartTerminal(spec, size)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening--
	if err != nil {
		return nil, err
	}
	session := newSession(terminal, size)
	s.sessions = append(s.sessions, session)
	if !s.ticking {
		s.ticking = true
		go s.watch()
	}
	return session, nil
}

func (s *Sessions) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	living := s.opening
	for _, session := range s.sessions {
		if session.alive() {
			living++
		}
	}
	if living >= maxSessions {
		return ErrTooMany
	}
	s.opening++
	return nil
}

// List returns the sessions that clients may see, the oldest first.
func (s *Sessions) List() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.sessions), (*Session).terminated)
}

// Find returns the session with this id, or nil.
func (s *Sessions) Find(id string) *Session {
	for _, session := range s.List() {
		if session.ID == id {
			return session
		}
	}
	return nil
}

// watch looks after the sessions once a tick while there are any. Ticks are counted instead of times: the
// clock jumps by the whole time for which a sandbox was suspended, a ticker ticks once for it.
func (s *Sessions) watch() {
	ticker := time.NewTicker(s.tick)
	defer ticker.Stop()
	for range ticker.C {
		if !s.watchOnce() {
			return
		}
	}
}

func (s *Sessions) watchOnce() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = slices.DeleteFunc(s.sessions, func(session *Session) bool { return session.age() })
	s.ticking = len(s.sessions) > 0
	return s.ticking
}

func clamp(size process.Size) process.Size {
	return process.Size{Rows: min(max(size.Rows, 1), maxRows), Cols: min(max(size.Cols, 1), maxCols)}
}

func newID() string {
	random := make([]byte, 2*idChars)
	_, _ = rand.Read(random)
	id := make([]byte, idChars)
	for index := range id {
		value := int(random[2*index])<<8 | int(random[2*index+1])
		id[index] = alphabet[value%len(alphabet)]
	}
	return string(id)
}

func newToken() string {
	var random [32]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

// Accepts tells whether this is the session's token.
func (s *Session) Accepts(token string) bool {
	return subtle.ConstantTimeCompare([]byte(s.Token), []byte(token)) == 1
}
