package blaxel

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
	"atoll.dev/agent/internal/supervise"
)

// processView is ProcessResponse of the wire.
type processView struct {
	PID              string  `json:"pid"`
	Name             string  `json:"name"`
	Command          string  `json:"command"`
	Status           string  `json:"status"`
	StartedAt        string  `json:"startedAt"`
	CompletedAt      *string `json:"completedAt"`
	ExitCode         int     `json:"exitCode"`
	WorkingDir       string  `json:"workingDir"`
	Logs             *string `json:"logs"`
	Stdout           *string `json:"stdout"`
	Stderr           *string `json:"stderr"`
	RestartOnFailure bool    `json:"restartOnFailure"`
	MaxRestarts      int     `json:"maxRestarts"`
	RestartCount     int     `json:"restartCount"`
	KeepAlive        bool    `json:"keepAlive"`
}

// tailBytes is what a list shows of the output of each process.
const tailBytes = 4 << 10

func viewOf(one *entry) processView {
	run := one.current()
	state := run.Snapshot()
	view := processView{
		PID: strconv.Itoa(one.pid), Name: one.name, Command: one.command, WorkingDir: one.workingDir,
		Status: statusOf(one, state), StartedAt: timeText(run.StartedAt), ExitCode: exitCodeOf(state),
		RestartOnFailure: one.restarts, MaxRestarts: one.maxRestarts, KeepAlive: one.keepAlive,
	}
	if one.managed != nil {
		view.RestartCount = one.managed.State().RestartCount
	}
	if view.Status != "running" && state.EndedAt != nil {
		ended := timeText(*state.EndedAt)
		view.CompletedAt = &ended
	}
	return view
}

// withLogs adds all output that is kept, standard output first.
func (v processView) withLogs(log *ring.Log) processView {
	stdout, stderr := outputOf(log)
	logs := stdout + stderr
	v.Logs, v.Stdout, v.Stderr = &logs, &stdout, &stderr
	return v
}

// complete has an empty text where the moment of the end is not there yet.
func (v processView) complete() processView {
	if v.CompletedAt == nil {
		v.CompletedAt = new(string)
	}
	return v
}

func timeText(moment time.Time) string { return moment.UTC().Format(http.TimeFormat) }

func statusOf(one *entry, state process.Snapshot) string {
	if state.Status == process.StatusRunning || isRestarting(one) {
		return "running"
	}
	if ending := one.ending(); ending != "" {
		return ending
	}
	switch {
	case state.ExitCode != nil && *state.ExitCode == 0:
		return "completed"
	case state.Signal != nil && *state.Signal == 9:
		return "killed"
	}
	return "failed"
}

// isRestarting is true between two runs: the process is not over.
func isRestarting(one *entry) bool {
	return one.managed != nil && one.managed.State().Status != supervise.Stopped
}

// outputOf joins the records of each stream to the text that they were.
func outputOf(log *ring.Log) (stdout, stderr string) {
	var builders [2]strings.Builder
	for _, record := range log.Lines() {
		builder := &builders[0]
		if record.Stream == process.StreamStderr {
			builder = &builders[1]
		}
		builder.Write(record.Text)
		if !record.Open {
			builder.WriteByte('\n')
		}
	}
	return builders[0].String(), builders[1].String()
}

func tailOf(text string) string {
	if len(text) <= tailBytes {
		return text
	}
	return strings.ToValidUTF8(text[len(text)-tailBytes:], "")
}
