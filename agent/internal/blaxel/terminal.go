package blaxel

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/terminal"
	"atoll.dev/agent/internal/websocket"
)

const (
	defaultCols = 80
	defaultRows = 24
	// keptTerminal is how long a terminal waits for a client to come back.
	keptTerminal = 10 * time.Minute
)

// terminals knows the sessions by the names that clients gave them.
type terminals struct {
	mu   sync.Mutex
	byID map[string]*terminal.Session
}

func (s *Server) terminalRoute(r *request) handler {
	switch {
	case isSet(s.options.Env["DISABLE_TERMINAL"]):
		return func(http.ResponseWriter, *request) error {
			return &failure{http.StatusForbidden, "terminals are switched off: DISABLE_TERMINAL is set"}
		}
	case len(r.parts) == 1 || len(r.parts) == 2 && r.parts[1] == "":
		return terminalPage
	case len(r.parts) == 2 && r.parts[1] == "ws":
		return s.openTerminal
	}
	return notFound
}

func isSet(value string) bool {
	return value != "" && value != "0" && !strings.EqualFold(value, "false")
}

// openTerminal joins a client with a terminal: the one of its session, or a new one.
func (s *Server) openTerminal(w http.ResponseWriter, r *request) error {
	if err := websocket.Check(r.Request); err != nil {
		w.Header().Set("Sec-WebSocket-Version", "13")
		return &failure{http.StatusUpgradeRequired, err.Error()}
	}
	session, err := s.terminalOf(r.URL.Query())
	if err != nil {
		return err
	}
	conn, err := websocket.Upgrade(w, r.Request)
	if err != nil {
		// The connection was taken over and cannot be answered any more.
		panic(http.ErrAbortHandler)
	}
	session.ServeFramed(conn, &jsonFraming{})
	return nil
}

// terminalOf holds the lock while a terminal starts: two clients with one new session get one terminal.
func (s *Server) terminalOf(query url.Values) (*terminal.Session, error) {
	id, size := query.Get("sessionId"), sizeOf(query)
	if id == "" {
		return s.startTerminal(query, size)
	}
	s.terminals.mu.Lock()
	defer s.terminals.mu.Unlock()
	if known := s.terminals.byID[id]; known != nil && known.Info().ExitCode == nil {
		known.Resize(size)
		return known, nil
	}
	session, err := s.startTerminal(query, size)
	if err == nil {
		s.terminals.forgetEndedLocked()
		s.terminals.byID[id] = session
	}
	return session, err
}

func (t *terminals) forgetEndedLocked() {
	for id, session := range t.byID {
		if session.Info().ExitCode != nil {
			delete(t.byID, id)
		}
	}
}

func (s *Server) startTerminal(query url.Values, size process.Size) (*terminal.Session, error) {
	spec := process.Spec{
		Command: s.terminalShell(query.Get("shell")), WorkingDir: query.Get("workingDir"), Credential: s.user(),
		DefaultEnv: map[string]string{"TERM": "xterm-256color"},
	}
	session, err := s.options.Terminals.Open(spec, size)
	var spawn *process.SpawnError
	switch {
	case errors.Is(err, terminal.ErrTooMany):
		return nil, &failure{http.StatusTooManyRequests, err.Error()}
	case errors.As(err, &spawn):
		return nil, &failure{http.StatusUnprocessableEntity, err.Error()}
	case err != nil:
		return nil, err
	}
	session.KeepFor(keptTerminal)
	return session, nil
}

// terminalShell is what was asked for, else what the variables name, else the best that is there.
func (s *Server) terminalShell(asked string) string {
	for _, shell := range []string{asked, s.options.Env["SHELL"]} {
		if shell != "" {
			return shell
		}
	}
	if _, err := os.Stat(process.ResolvePath(s.options.Root, "/", "/bin/bash")); err == nil {
		return "/bin/bash"
	}
	return "/bin/sh"
}

func sizeOf(query url.Values) process.Size {
	return process.Size{Cols: dimension(query.Get("cols"), defaultCols), Rows: dimension(query.Get("rows"), defaultRows)}
}

func dimension(text string, byDefault uint16) uint16 {
	if value, err := strconv.ParseUint(text, 10, 16); err == nil && value > 0 {
		return uint16(value)
	}
	return byDefault
}
