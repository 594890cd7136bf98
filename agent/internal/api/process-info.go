package api

import (
	"time"

	"atoll.dev/agent/internal/process"
)

// processInfo is ProcessInfo of the wire.
type processInfo struct {
	Handle        int64          `json:"handle"`
	PID           int            `json:"pid"`
	Status        process.Status `json:"status"`
	ExitCode      *int           `json:"exit_code"`
	Signal        *int           `json:"signal"`
	OomKilled     bool           `json:"oom_killed"`
	StdinWritable bool           `json:"stdin_writable"`
	Command       string         `json:"command"`
	Args          []string       `json:"args"`
	StartedAt     int64          `json:"started_at"`
	EndedAt       *int64         `json:"ended_at"`
	Managed       *managedInfo   `json:"managed,omitempty"`
}

func (p *processRoutes) infoOf(entry *process.Process) processInfo {
	state := entry.Snapshot()
	args := entry.Args
	if args == nil {
		args = []string{}
	}
	return processInfo{
		Handle: entry.Handle, PID: entry.PID, Status: state.Status,
		ExitCode: state.ExitCode, Signal: state.Signal, OomKilled: state.OomKilled,
		StdinWritable: state.StdinWritable, Command: entry.Command, Args: args,
		StartedAt: entry.StartedAt.UnixMilli(), EndedAt: milliseconds(state.EndedAt),
		Managed: managedInfoOf(p.supervisor.Of(entry)),
	}
}

func milliseconds(moment *time.Time) *int64 {
	if moment == nil {
		return nil
	}
	value := moment.UnixMilli()
	return &value
}
