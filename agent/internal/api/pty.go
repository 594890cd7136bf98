package api

import (
	"errors"
	"math"
	"net/http"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/terminal"
	"atoll.dev/agent/internal/websocket"
)

const (
	defaultRows = 24
	defaultCols = 80
	defaultTerm = "xterm-256color"
)

type ptyRoutes struct {
	sessions *terminal.Sessions
	accounts *account.Directory
}

// sizeBody holds numbers as clients send them; whatever they are, a size within the limits is made of them.
type sizeBody struct {
	Rows *float64 `json:"rows"`
	Cols *float64 `json:"cols"`
}

func (s sizeBody) size() process.Size {
	return process.Size{Rows: dimension(s.Rows, defaultRows), Cols: dimension(s.Cols, defaultCols)}
}

func dimension(given *float64, byDefault uint16) uint16 {
	if given == nil {
		return byDefault
	}
	return uint16(min(max(*given, 1), math.MaxUint16))
}

func (p *ptyRoutes) open(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		processBody
		sizeBody
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	spec, err := body.spec(p.accounts)
	if err != nil {
		return err
	}
	spec.Timeout, spec.DefaultEnv = 0, map[string]string{"TERM": defaultTerm}
	session, err := p.sessions.Open(spec, body.size())
	if errors.Is(err, terminal.ErrTooMany) {
		return &failure{http.StatusTooManyRequests, "TOO_MANY_SESSIONS", err.Error()}
	}
	if err != nil {
		return spawnFailure(err)
	}
	writeJSON(w, http.StatusCreated, map[string]string{"session_id": session.ID, "token": session.Token})
	return nil
}

// ptyInfo is a session as the wire shows it. The token is told only to who made the session.
type ptyInfo struct {
	SessionID string   `json:"session_id"`
	PID       int      `json:"pid"`
	Command   string   `json:"command"`
	Args      []string `json:"args"`
	Rows      uint16   `json:"rows"`
	Cols      uint16   `json:"cols"`
	CreatedAt int64    `json:"created_at"`
	EndedAt   *int64   `json:"ended_at,omitempty"`
	ExitCode  *int     `json:"exit_code,omitempty"`
	IsAlive   bool     `json:"is_alive"`
}

func ptyInfoOf(session *terminal.Session) ptyInfo {
	info := session.Info()
	return ptyInfo{
		SessionID: session.ID, PID: info.PID, Command: info.Command, Args: info.Args,
		Rows: info.Size.Rows, Cols: info.Size.Cols, CreatedAt: session.CreatedAt.UnixMilli(),
		EndedAt: milliseconds(info.EndedAt), ExitCode: info.ExitCode, IsAlive: info.ExitCode == nil,
	}
}

func (p *ptyRoutes) list(w http.ResponseWriter, _ *http.Request) error {
	infos := []ptyInfo{}
	for _, session := range p.sessions.List() {
		infos = append(infos, ptyInfoOf(session))
	}
	writeJSON(w, http.StatusOK, map[string]any{"sessions": infos})
	return nil
}

func (p *ptyRoutes) find(r *http.Request) (*terminal.Session, error) {
	id := r.PathValue("session")
	if session := p.sessions.Find(id); session != nil {
		return session, nil
	}
	return nil, &failure{http.StatusNotFound, "SESSION_NOT_FOUND", "PTY session " + id + " not found"}
}

func (p *ptyRoutes) get(w http.ResponseWriter, r *http.Request) error {
	session, err := p.find(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, ptyInfoOf(session))
	return nil
}

func (p *ptyRoutes) terminate(w http.ResponseWriter, r *http.Request) error {
	session, err := p.find(r)
	if err != nil {
		return err
	}
	session.Terminate()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *ptyRoutes) resize(w http.ResponseWriter, r *http.Request) error {
	session, err := p.find(r)
	if err != nil {
		return err
	}
	var body sizeBody
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Rows == nil || body.Cols == nil {
		return invalid("rows and cols must be numbers")
	}
	session.Resize(body.size())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// attach checks the session's own token, which who may use the sandbox need not have.
func (p *ptyRoutes) attach(w http.ResponseWriter, r *http.Request) error {
	session, err := p.find(r)
	if err != nil {
		return err
	}
	if !session.Accepts(r.URL.Query().Get("token")) && !session.Accepts(r.Header.Get("X-PTY-Token")) {
		return &failure{http.StatusForbidden, "INVALID_TOKEN", "this is not the token of the PTY session"}
	}
	conn, err := upgrade(w, r)
	if err != nil {
		return err
	}
	session.Serve(conn)
	return nil
}

// upgrade answers what is no handshake. A connection that was taken over cannot be answered any more.
func upgrade(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	if err := websocket.Check(r); err != nil {
		return nil, upgradeRequired(w, err)
	}
	conn, err := websocket.Upgrade(w, r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn, nil
}

func upgradeRequired(w http.ResponseWriter, err error) error {
	w.Header().Set("Sec-WebSocket-Version", "13")
	return &failure{http.StatusUpgradeRequired, "UPGRADE_REQUIRED", err.Error()}
}
