package blaxel

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"atoll.dev/agent/internal/process"
)

func (s *Server) listProcesses(w http.ResponseWriter, _ *request) error {
	return writeJSON(w, http.StatusOK, s.processViews())
}

func (s *Server) processViews() []processView {
	views := []processView{}
	for _, one := range s.processes.list() {
		view := viewOf(one)
		stdout, stderr := outputOf(one.current().Log)
		stdout, stderr = tailOf(stdout), tailOf(stderr)
		logs := stdout + stderr
		view.Logs, view.Stdout, view.Stderr = &logs, &stdout, &stderr
		views = append(views, view)
	}
	return views
}

// find reads the process of the path: a pid or a name.
func (s *Server) find(r *request) (*entry, error) {
	identifier, err := url.PathUnescape(r.parts[1])
	if err != nil {
		return nil, invalid("the path is not a valid URL path")
	}
	return s.named(identifier)
}

// named is the process with this pid or name.
func (s *Server) named(identifier string) (*entry, error) {
	if one := s.processes.find(identifier); one != nil {
		return one, nil
	}
	return nil, &failure{http.StatusNotFound, "process not found"}
}

func (s *Server) getProcess(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, viewOf(one).withLogs(one.current().Log).complete())
}

func (s *Server) processLogs(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err != nil {
		return err
	}
	stdout, stderr := outputOf(one.current().Log)
	return writeJSON(w, http.StatusOK, map[string]string{
		"logs": stdout + stderr, "stdout": stdout, "stderr": stderr,
	})
}

// stopProcess asks the process to end, and has nobody start it again.
func (s *Server) stopProcess(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err == nil {
		err = one.stop()
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"message": stoppedMessage})
}

const (
	stoppedMessage = "Process stopped successfully"
	killedMessage  = "Process killed successfully"
)

func (e *entry) stop() error {
	if !e.current().Running() && !isRestarting(e) {
		return nil
	}
	e.mark("stopped")
	if e.managed != nil {
		e.managed.GiveUp()
	}
	if err := e.current().Signal(syscall.SIGTERM); err != nil && !isGone(err) {
		return err
	}
	return nil
}

func (e *entry) kill() {
	if !e.current().Running() && !isRestarting(e) {
		return
	}
	e.mark("killed")
	if e.managed != nil {
		_ = e.managed.Stop()
	} else {
		e.run.KillTree()
	}
}

func isGone(err error) bool {
	return errors.Is(err, process.ErrNotRunning) || errors.Is(err, syscall.ESRCH)
}

// killProcess ends the process with all that it started.
func (s *Server) killProcess(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err != nil {
		return err
	}
	one.kill()
	return writeJSON(w, http.StatusOK, map[string]string{"message": killedMessage})
}

// maxStdinBytes is what one request may write to a process.
const maxStdinBytes = 8 << 20

func (s *Server) writeStdin(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err != nil {
		return err
	}
	err = one.current().WriteStdin(r.Context(), http.MaxBytesReader(w, r.Body, maxStdinBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &failure{http.StatusRequestEntityTooLarge, "at most 8 MiB can be written at once"}
	}
	return stdinReply(w, err, "Data written to stdin")
}

func (s *Server) closeStdin(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err != nil {
		return err
	}
	return stdinReply(w, one.current().CloseStdin(r.Context()), "Stdin closed")
}

func stdinReply(w http.ResponseWriter, err error, message string) error {
	if errors.Is(err, process.ErrStdinNotWritable) {
		return &failure{http.StatusConflict, "the process has no stdin that can be written to"}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"message": message})
}

// streamLogs sends the output from its beginning and goes on until the process has ended.
func (s *Server) streamLogs(w http.ResponseWriter, r *request) error {
	one, err := s.find(r)
	if err != nil {
		return &failure{http.StatusUnprocessableEntity, err.Error()}
	}
	reader := one.current().Log.NewReader()
	defer reader.Close()
	stream := startStream(w, "text/plain; charset=utf-8")
	stream.patience = s.options.Patience
	_ = follow(r.Context(), reader, logsKeepAlive, func() { stream.line("[keepalive]") }, func(stderr bool, text string) {
		prefix := "stdout:"
		if stderr {
			prefix = "stderr:"
		}
		stream.line(prefix + strings.TrimSuffix(text, "\r"))
	}, stream.send)
	return nil
}
