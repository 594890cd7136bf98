package api

import (
	"encoding/json"
	"testing"
)

func TestTheLogStreamReplaysAndThenFollowsAllProcesses(t *testing.T) {
	a := startAgent(t)
	first := a.start(`{"command":"sh","args":["-c","echo one; echo two"]}`)
	lines := json.NewDecoder(a.request(t.Context(), "GET", "/internal/v1/logs", nil).Body)
	expectLine(t, lines, 1, first, 1, "one")
	expectLine(t, lines, 2, first, 1, "two")
	second := a.start(`{"command":"sh","args":["-c","echo three >&2"]}`)
	expectLine(t, lines, 3, second, 2, "three")
	again := json.NewDecoder(a.request(t.Context(), "GET", "/internal/v1/logs?after=2", nil).Body)
	expectLine(t, again, 3, second, 2, "three")
}

func expectLine(t *testing.T, lines *json.Decoder, seq, pid, stream int, text string) {
	t.Helper()
	var line struct {
		Seq, PID, Stream int
		Text             string
	}
	if err := lines.Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Seq != seq || line.PID != pid || line.Stream != stream || line.Text != text {
		t.Fatalf("got %+v", line)
	}
}
