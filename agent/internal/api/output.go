package api

import (
	"encoding/json"
	"net/http"

	"atoll.dev/agent/internal/process"
)

// streams maps the last part of an output path to the stream that it asks for; 0 is both.
var streams = map[string]byte{"stdout": process.StreamStdout, "stderr": process.StreamStderr, "output": 0}

func (p *processRoutes) findStream(r *http.Request) (*process.Process, byte, error) {
	stream, known := streams[r.PathValue("stream")]
	if !known {
		return nil, 0, notFound(nil, r)
	}
	entry, err := p.find(r)
	return entry, stream, err
}

func (p *processRoutes) output(w http.ResponseWriter, r *http.Request) error {
	entry, stream, err := p.findStream(r)
	if err != nil {
		return err
	}
	lines := []string{}
	for _, record := range entry.Log.Lines() {
		if stream == 0 || record.Stream == stream {
			lines = append(lines, string(record.Text))
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"pid": entry.PID, "lines": lines, "line_count": len(lines)})
	return nil
}

func (p *processRoutes) follow(w http.ResponseWriter, r *http.Request) error {
	entry, stream, err := p.findStream(r)
	if err != nil {
		return err
	}
	reader := entry.Log.NewReader()
	defer reader.Close()
	events := startStream(w)
	events.patience = p.patience
	if err := events.send(); err != nil {
		return nil
	}
	if err := events.copyLog(r.Context(), reader, stream, "event: output\n"); err != nil {
		return nil
	}
	events.add("event: eof\ndata: {}\n\n")
	events.end()
	return nil
}

// run streams a process from start to exit. A caller who leaves takes the process with them.
func (p *processRoutes) run(w http.ResponseWriter, r *http.Request) error {
	spec, err := p.readSpec(w, r)
	if err != nil {
		return err
	}
	spec.StdinPipe, spec.DiscardStdout, spec.DiscardStderr = false, false, false
	entry, reader, err := p.table.Start(spec, true)
	if err != nil {
		return spawnFailure(err)
	}
	defer reader.Close()
	events := startStream(w)
	events.addJSON(map[string]any{
		"handle": entry.Handle, "pid": entry.PID, "started_at": entry.StartedAt.UnixMilli(),
	})
	if events.send() != nil || events.copyLog(r.Context(), reader, 0, "") != nil {
		entry.KillTree()
		return nil
	}
	<-entry.Done()
	events.addJSON(exitOf(entry))
	events.end()
	return nil
}

func (s *sseWriter) addJSON(value any) {
	encoded, _ := json.Marshal(value)
	s.add("data: " + string(encoded) + "\n\n")
}

// exitOf is the last event of run.
func exitOf(entry *process.Process) map[string]any {
	state := entry.Snapshot()
	switch {
	case state.ExitCode != nil:
		return map[string]any{"exit_code": *state.ExitCode}
	case state.OomKilled:
		return map[string]any{"signal": *state.Signal, "oom_killed": true}
	}
	return map[string]any{"signal": *state.Signal}
}
