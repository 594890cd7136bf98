// Package blaxel speaks the sandbox API of the Blaxel dialect: names and forms of its wire, over the processes and files
// that the other dialect serves too.
package blaxel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/event"
	"atoll.dev/agent/internal/file"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/supervise"
	"atoll.dev/agent/internal/terminal"
)

// Options is what the dialect stands on.
type Options struct {
	Accounts   *account.Directory
	Table      *process.Table
	Supervisor *supervise.Supervisor
	Files      *file.System
	Terminals  *terminal.Sessions
	Hub        *event.Hub
	// Env is what processes have; SHELL and SHELL_ARGS in it choose what runs commands.
	Env map[string]string
	// ReloadEnv reads the variables again, and tells how many there are and how many are gone.
	ReloadEnv func() (applied, removed int, err error)
	// Root is where absolute paths start; WorkingDir is below it.
	Root       string
	WorkingDir string
	Version    string
	StartedAt  time.Time
	// Patience is how long one who follows output may take nothing; 0 is any time.
	Patience time.Duration
}

// Server is the sandbox API.
type Server struct {
	options   Options
	processes *registry
	holds     *Holds
	uploads   *uploads
	monitors  *monitors
	reloads   reloads
	terminals *terminals
}

// NewServer makes the sandbox API.
func NewServer(options Options) *Server {
	holds := NewHolds(options.Hub)
	return &Server{
		options: options, holds: holds, processes: newRegistry(options, holds),
		uploads: &uploads{byID: map[string]*upload{}}, monitors: &monitors{ends: map[int]context.CancelFunc{}},
		terminals: &terminals{byID: map[string]*terminal.Session{}},
	}
}

// Holds tells what keeps the sandbox awake.
func (s *Server) Holds() *Holds { return s.holds }

// SetEntrypoint tells which process is the program of the image; nil is none.
func (s *Server) SetEntrypoint(run *process.Process) {
	s.processes.mu.Lock()
	defer s.processes.mu.Unlock()
	s.processes.entrypoint = run
}

// request is one request with its path in the form that it came in: an encoded slash means something else than a slash.
type request struct {
	*http.Request
	// parts are the segments of the path, not decoded.
	parts []string
	// raw is the path as it was sent, without the query.
	raw string
}

// ServeRaw answers a request whose path, as it was sent, is raw.
func (s *Server) ServeRaw(w http.ResponseWriter, r *http.Request, raw string) {
	header := w.Header()
	header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	header.Set("Pragma", "no-cache")
	header.Set("Expires", "0")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, HEAD, OPTIONS")
	header.Set("Access-Control-Allow-Headers", "Content-Type, Authorization")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	defer recoverRequest(w, r)
	one := &request{Request: r, raw: raw, parts: strings.Split(strings.TrimPrefix(raw, "/"), "/")}
	if err := s.route(one)(w, one); err != nil {
		writeFailure(w, r, err)
	}
}

type handler func(w http.ResponseWriter, r *request) error

// route finds what answers; a HEAD request is answered as the GET would be, without its body.
func (s *Server) route(r *request) handler {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	head := r.parts[0]
	switch {
	case head == "process":
		return s.processRoute(method, r.parts[1:])
	case r.raw == "/mcp":
		return s.mcp
	case head == "terminal" && method == http.MethodGet:
		return s.terminalRoute(r)
	case head == "codegen":
		return s.codegen
	case strings.HasPrefix(r.raw, "/drives/mount"):
		return s.drives
	case method == http.MethodPost && r.raw == "/upgrade":
		return upgrade
	case method == http.MethodPost && r.raw == "/environment/reload":
		return s.reloadEnvironment
	case head == "network":
		return s.networkRoute(method, r.parts[1:])
	case strings.HasPrefix(head, "filesystem"):
		return s.fileRoute(method, r)
	case method == http.MethodGet && strings.HasPrefix(r.raw, "/watch/filesystem"):
		return s.atPath("/watch/filesystem", s.watchFolder)
	case method == http.MethodGet && r.raw == "/health":
		return s.health
	case method == http.MethodGet && (r.raw == "/" || r.raw == ""):
		return s.welcome
	}
	return notFound
}

func (s *Server) processRoute(method string, parts []string) handler {
	key := method + strings.Repeat(" {}", min(len(parts), 1)) + strings.Join(append([]string{""}, parts[min(len(parts), 1):]...), " ")
	known := map[string]handler{
		"GET":                s.listProcesses,
		"POST":               s.startProcess,
		"GET {}":             s.getProcess,
		"DELETE {}":          s.stopProcess,
		"DELETE {} kill":     s.killProcess,
		"GET {} logs":        s.processLogs,
		"GET {} logs stream": s.streamLogs,
		"POST {} stdin":      s.writeStdin,
		"DELETE {} stdin":    s.closeStdin,
	}[key]
	if known == nil {
		return notFound
	}
	return known
}

func notFound(_ http.ResponseWriter, r *request) error {
	return &failure{http.StatusNotFound, "no route " + r.Method + " " + r.raw}
}

func (s *Server) welcome(w http.ResponseWriter, _ *request) error {
	return writeJSON(w, http.StatusOK, map[string]string{"message": "Sandbox API", "version": s.options.Version})
}

// failure is an error as this wire shows it.
type failure struct {
	status  int
	message string
}

func (f *failure) Error() string { return f.message }

func invalid(message string) error { return &failure{http.StatusBadRequest, message} }

func writeFailure(w http.ResponseWriter, r *http.Request, err error) {
	var known *failure
	if !errors.As(err, &known) {
		if r.Context().Err() != nil {
			return
		}
		log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
		known = &failure{http.StatusInternalServerError, err.Error()}
	}
	_ = writeJSON(w, known.status, map[string]string{"error": known.message})
}

func recoverRequest(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	log.Printf("%s %s: panic: %v", r.Method, r.URL.Path, cause)
	writeFailure(w, r, &failure{http.StatusInternalServerError, "internal"})
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
	return nil
}

const (
	// maxJSONBytes bounds every JSON body but those that hold files.
	maxJSONBytes = 4 << 20
	maxJSONTime  = 60 * time.Second
)

// readJSON reads one JSON value of at most limit bytes; unknown fields are ignored.
func readJSON(w http.ResponseWriter, r *request, limit int64, into any) error {
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(maxJSONTime))
	defer func() { _ = controller.SetReadDeadline(time.Time{}) }()
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &failure{http.StatusRequestEntityTooLarge, "the request body is too large"}
	}
	if err != nil {
		return invalid("the request body ended early")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return invalid("invalid request body: " + err.Error())
	}
	return nil
}
