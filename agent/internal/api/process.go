package api

import (
	"errors"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/supervise"
)

const maxSignal = 64

type processRoutes struct {
	table      *process.Table
	supervisor *supervise.Supervisor
	accounts   *account.Directory
	patience   time.Duration
}

func (p *processRoutes) list(w http.ResponseWriter, _ *http.Request) error {
	infos := []processInfo{}
	for _, entry := range p.table.List() {
		infos = append(infos, p.infoOf(entry))
	}
	writeJSON(w, http.StatusOK, map[string]any{"processes": infos})
	return nil
}

func (p *processRoutes) start(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		processBody
		managedBody
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	spec, err := body.spec(p.accounts)
	if err != nil {
		return err
	}
	spec.Timeout = 0
	entry, err := p.startAs(spec, &body.managedBody)
	if err != nil {
		return spawnFailure(err)
	}
	writeJSON(w, http.StatusCreated, p.infoOf(entry))
	return nil
}

func (p *processRoutes) startAs(spec process.Spec, body *managedBody) (*process.Process, error) {
	if !body.isManaged() {
		entry, _, err := p.table.Start(spec, false)
		return entry, err
	}
	return p.startManaged(spec, body)
}

func (p *processRoutes) readSpec(w http.ResponseWriter, r *http.Request) (process.Spec, error) {
	var body processBody
	if err := readJSON(w, r, &body); err != nil {
		return process.Spec{}, err
	}
	return body.spec(p.accounts)
}

func spawnFailure(err error) error {
	var spawn *process.SpawnError
	if errors.As(err, &spawn) {
		return &failure{http.StatusBadRequest, "SPAWN_FAILED", spawn.Error()}
	}
	return err
}

func (p *processRoutes) get(w http.ResponseWriter, r *http.Request) error {
	entry, err := p.find(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, p.infoOf(entry))
	return nil
}

// find reads {process}, which is a pid, or the name of a managed process.
func (p *processRoutes) find(r *http.Request) (*process.Process, error) {
	entry, _, err := p.target(r)
	return entry, err
}

// target is find with the supervision, nil for a process without. A name stands for it however often the process is
// started again meanwhile.
func (p *processRoutes) target(r *http.Request) (*process.Process, *supervise.Managed, error) {
	name := r.PathValue("process")
	if onlyDigits.MatchString(name) {
		pid, err := strconv.Atoi(name)
		if entry := p.table.Find(pid); err == nil && entry != nil {
			return entry, p.supervisor.Of(entry), nil
		}
	} else if managed := p.supervisor.Find(name); managed != nil {
		return managed.Current(), managed, nil
	}
	return nil, nil, &failure{http.StatusNotFound, "NOT_FOUND", "Process " + name + " not found"}
}

func (p *processRoutes) kill(w http.ResponseWriter, r *http.Request) error {
	entry, managed, err := p.target(r)
	if err != nil {
		return err
	}
	if managed != nil {
		_ = managed.Stop()
	} else {
		entry.Kill()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *processRoutes) signal(w http.ResponseWriter, r *http.Request) error {
	entry, err := p.find(r)
	if err != nil {
		return err
	}
	var body struct {
		Signal *int `json:"signal"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Signal == nil || *body.Signal < 1 || *body.Signal > maxSignal {
		return &failure{http.StatusBadRequest, "INVALID_SIGNAL", "signal must be a number from 1 to 64"}
	}
	if err := entry.Signal(syscall.Signal(*body.Signal)); err != nil {
		return signalFailure(r, err)
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}

func signalFailure(r *http.Request, err error) error {
	if errors.Is(err, process.ErrNotRunning) || errors.Is(err, syscall.ESRCH) {
		return &failure{http.StatusBadRequest, "NOT_RUNNING", "Process " + r.PathValue("process") + " is not running"}
	}
	return err
}

func (p *processRoutes) writeStdin(w http.ResponseWriter, r *http.Request) error {
	entry, err := p.find(r)
	if err != nil {
		return err
	}
	return stdinReply(w, entry.WriteStdin(r.Context(), r.Body))
}

func (p *processRoutes) closeStdin(w http.ResponseWriter, r *http.Request) error {
	entry, err := p.find(r)
	if err != nil {
		return err
	}
	return stdinReply(w, entry.CloseStdin(r.Context()))
}

func stdinReply(w http.ResponseWriter, err error) error {
	if errors.Is(err, process.ErrStdinNotWritable) {
		return &failure{http.StatusBadRequest, "STDIN_NOT_WRITABLE", "stdin is not writable"}
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
