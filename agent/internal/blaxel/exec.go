package blaxel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
	"atoll.dev/agent/internal/supervise"
)

const (
	defaultKeepAliveSecs = 600
	maxTimeoutSecs       = 1e9
	maxNameBytes         = 255
)

// execBody is ProcessRequest of the wire. Pointers tell what was left out.
type execBody struct {
	Command           string            `json:"command"`
	Name              string            `json:"name"`
	WorkingDir        string            `json:"workingDir"`
	Env               map[string]string `json:"env"`
	WaitForCompletion bool              `json:"waitForCompletion"`
	Timeout           *float64          `json:"timeout"`
	WaitForPorts      []int             `json:"waitForPorts"`
	RestartOnFailure  bool              `json:"restartOnFailure"`
	MaxRestarts       int               `json:"maxRestarts"`
	KeepAlive         bool              `json:"keepAlive"`
	Stdin             bool              `json:"stdin"`
}

func (b *execBody) check() error {
	switch {
	case b.Command == "":
		return invalid("command is required")
	case strings.Contains(b.Command+b.WorkingDir+b.Name, "\x00"):
		return invalid("command, name and workingDir must not contain NUL")
	case len(b.Name) > maxNameBytes || strings.Contains(b.Name, "/"):
		return invalid("name must have at most 255 bytes and no '/'")
	case b.Timeout != nil && (*b.Timeout < 0 || *b.Timeout > maxTimeoutSecs):
		return invalid("timeout must not be negative")
	}
	for key, value := range b.Env {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.Contains(value, "\x00") {
			return invalid("env: a variable's name must not be empty and not contain '=' or NUL")
		}
	}
	for _, port := range b.WaitForPorts {
		if port < 1 || port > 65535 {
			return invalid("waitForPorts must be numbers from 1 to 65535")
		}
	}
	return nil
}

// patience is how long the caller waits; 0 is for ever.
func (b *execBody) patience() time.Duration {
	if b.Timeout == nil || b.KeepAlive {
		return 0
	}
	return time.Duration(*b.Timeout * float64(time.Second))
}

// lifetime is after how long a process that keeps the sandbox awake is ended; 0 is never.
func (b *execBody) lifetime() time.Duration {
	if !b.KeepAlive {
		return 0
	}
	secs := float64(defaultKeepAliveSecs)
	if b.Timeout != nil {
		secs = *b.Timeout
	}
	return time.Duration(secs * float64(time.Second))
}

func (s *Server) startProcess(w http.ResponseWriter, r *request) error {
	var body execBody
	if err := readJSON(w, r, maxJSONBytes, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	log := s.options.Table.NewLog()
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return s.streamRun(w, r, &body, log)
	}
	one, err := s.start(&body, log)
	if err != nil {
		return err
	}
	return s.awaitRun(w, r, one, &body)
}

// start runs the command by the shell, as a process with a name.
func (s *Server) start(body *execBody, log *ring.Log) (*entry, error) {
	one := &entry{
		name: body.Name, command: body.Command, workingDir: s.workingDir(body.WorkingDir),
		keepAlive: body.KeepAlive, restarts: body.RestartOnFailure, maxRestarts: body.MaxRestarts,
	}
	if one.name == "" {
		one.name = inventName()
	}
	shell, args := s.shell()
	spec := process.Spec{
		Command: shell, Args: append(args, "-c", body.Command), Env: body.Env, WorkingDir: body.WorkingDir,
		Credential: s.options.Accounts.Default(), Log: log, StdinPipe: body.Stdin, Timeout: body.lifetime(),
	}
	release := func() {}
	if body.KeepAlive {
		release = s.holds.Add()
	}
	if err := s.processes.start(spec, one); err != nil {
		release()
		return nil, startFailure(one.name, err)
	}
	if body.KeepAlive {
		go releaseAtEnd(log, release)
	}
	return one, nil
}

// releaseAtEnd lets the sandbox stand by again when the last run has ended.
func releaseAtEnd(log *ring.Log, release func()) {
	_ = untilEnd(context.Background(), log)
	release()
}

// untilEnd returns when the last run has ended and all its output was collected: the log ends then.
func untilEnd(ctx context.Context, log *ring.Log) error {
	reader := log.NewReader()
	defer reader.Close()
	for {
		if _, err := reader.Next(ctx); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (s *Server) shell() (string, []string) {
	shell := s.options.Env["SHELL"]
	if shell == "" {
		shell = "sh"
	}
	return shell, strings.Fields(s.options.Env["SHELL_ARGS"])
}

func (s *Server) workingDir(given string) string {
	return process.ResolvePath("/", s.options.WorkingDir, given)
}

func startFailure(name string, err error) error {
	var spawn *process.SpawnError
	switch {
	case errors.Is(err, supervise.ErrNameTaken):
		return invalid(fmt.Sprintf("process with name '%s' already exists and is running", name))
	case errors.Is(err, supervise.ErrTooMany), errors.As(err, &spawn):
		return &failure{http.StatusUnprocessableEntity, err.Error()}
	}
	return err
}

// awaitRun answers when the ports are open or the process has ended, as far as either was asked for.
func (s *Server) awaitRun(w http.ResponseWriter, r *request, one *entry, body *execBody) error {
	if err := s.settle(r.Context(), one, body); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, viewOf(one).withLogs(one.current().Log).complete())
}

// settle waits as far as the caller asked for, and no longer than it has patience.
func (s *Server) settle(caller context.Context, one *entry, body *execBody) error {
	ctx, cancel := limited(caller, body.patience())
	defer cancel()
	if len(body.WaitForPorts) > 0 {
		if err := s.waitForPorts(ctx, one, body.WaitForPorts); err != nil {
			return lateFailure(caller, body, err)
		}
	}
	if body.WaitForCompletion {
		if err := untilEnd(ctx, one.current().Log); err != nil {
			return lateFailure(caller, body, err)
		}
	}
	return nil
}

func limited(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	if patience <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

// lateFailure is what a caller reads whose patience has ended; the process goes on.
func lateFailure(caller context.Context, body *execBody, err error) error {
	if caller.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &failure{http.StatusUnprocessableEntity, lateMessage(body)}
}

func lateMessage(body *execBody) string {
	return fmt.Sprintf("process timed out after %v seconds", *body.Timeout)
}

// streamRun sends the output as it comes and the process itself as the last line.
func (s *Server) streamRun(w http.ResponseWriter, r *request, body *execBody, log *ring.Log) error {
	// From the beginning: a process may have said much before anybody looks.
	reader := log.NewReader()
	defer reader.Close()
	one, err := s.start(body, log)
	if err != nil {
		return err
	}
	ctx, cancel := limited(r.Context(), body.patience())
	defer cancel()
	stream := startStream(w, "application/x-ndjson")
	err = follow(ctx, reader, execKeepAlive, func() { stream.event("keepalive", "") }, func(stderr bool, text string) {
		kind := "stdout"
		if stderr {
			kind = "stderr"
		}
		stream.event(kind, text)
	}, stream.send)
	if err != nil && r.Context().Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		stream.event("error", lateMessage(body))
	} else if err != nil {
		return nil
	}
	result, _ := json.Marshal(viewOf(one).withLogs(one.current().Log).complete())
	stream.event("result", string(result))
	_ = stream.send()
	return nil
}
