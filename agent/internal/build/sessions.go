package build

import (
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"atoll.dev/agent/internal/event"
)

// Address is an abstract Unix socket: it lives in the sandbox's network namespace and leaves no file.
const Address = "@atoll-build"

// maxSessions bounds what processes of the sandbox can make the agent hold.
const maxSessions = 4

// Session is one builder that waits for the server.
type Session struct {
	conn net.Conn
	// sent is closed once the request was read: from then on the builder says nothing more.
	sent    chan struct{}
	closed  chan struct{}
	fetched sync.Once
	replied sync.Once
}

// Sessions are the builders of this sandbox. The zero value has none and listens nowhere.
type Sessions struct {
	mu     sync.Mutex
	last   int64
	open   map[int64]*Session
	events *event.Hub
}

// Listen lets builders of the sandbox call.
func Listen(address string, events *event.Hub) (*Sessions, error) {
	listener, err := net.Listen("unix", address)
	if err != nil {
		return nil, err
	}
	s := &Sessions{open: map[int64]*Session{}, events: events}
	go s.accept(listener)
	return s, nil
}

func (s *Sessions) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			log.Printf("builds: %v", err)
			time.Sleep(time.Second)
			continue
		}
		if announcement, added := s.add(conn); added {
			s.events.Publish(announcement)
		}
	}
}

func (s *Sessions) add(conn net.Conn) (event.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxSessions {
		_ = conn.Close()
		return event.Event{}, false
	}
	s.last++
	s.open[s.last] = &Session{conn: conn, sent: make(chan struct{}), closed: make(chan struct{})}
	return announce(s.last), true
}

func announce(id int64) event.Event {
	return event.Event{Event: "build", Handle: id, TimestampMs: time.Now().UnixMilli()}
}

// Waiting announces again who waits, for a server that begins to listen.
func (s *Sessions) Waiting() []event.Event {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var waiting []event.Event
	for id := range s.open {
		waiting = append(waiting, announce(id))
	}
	return waiting
}

// Find returns nil where nobody waits under this number.
func (s *Sessions) Find(id int64) *Session {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id]
}

// Close ends a session; its builder sees the end of its connection.
func (s *Sessions) Close(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.open[id]; session != nil {
		_ = session.conn.Close()
		close(session.closed)
		delete(s.open, id)
	}
}

// ErrTaken is returned to a second reader or writer.
var ErrTaken = errors.New("the build is being served already")

// Fetch copies the request: the specification as one line, then the context as a tar archive.
func (s *Session) Fetch(to io.Writer, flush func() error) error {
	err := ErrTaken
	s.fetched.Do(func() { err = s.fetch(to, flush) })
	return err
}

func (s *Session) fetch(to io.Writer, flush func() error) error {
	defer close(s.sent)
	buffer := make([]byte, 64<<10)
	for first := true; ; first = false {
		frame, err := readFrame(s.conn, buffer)
		if err != nil {
			return err
		}
		if frame == nil {
			return nil
		}
		if first {
			frame = append(frame, '\n')
		}
		if _, err := to.Write(frame); err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// Reply copies the answer to the builder. Interrupt is called when the builder is gone, and has to end the reading.
func (s *Session) Reply(from io.Reader, interrupt func()) error {
	err := ErrTaken
	s.replied.Do(func() {
		go s.watch(interrupt)
		_, err = io.Copy(s.conn, from)
	})
	return err
}

// watch waits for the end of a builder that has sent all it had.
func (s *Session) watch(interrupt func()) {
	select {
	case <-s.sent:
		_, _ = s.conn.Read(make([]byte, 1))
		interrupt()
	case <-s.closed:
	}
}
