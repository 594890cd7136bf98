package api

import (
	"encoding/json"
	"io"
	"testing"
)

type journalLine struct {
	Journal, Process, Text, Command string
	Seq, After, Stream, PID         int
}

func (a *agent) journalLines(query string) *json.Decoder {
	return json.NewDecoder(a.request(a.t.Context(), "GET", "/internal/v1/logs"+query, nil).Body)
}

func next(t *testing.T, lines *json.Decoder) journalLine {
	t.Helper()
	var line journalLine
	if err := lines.Decode(&line); err != nil {
		t.Fatal(err)
	}
	return line
}

func TestTheLogStreamReplaysAndThenFollowsAllProcesses(t *testing.T) {
	a := startAgent(t)
	pid := a.start(`{"command":"sh","args":["-c","echo one; echo two"]}`)
	lines := a.journalLines("")
	if head := next(t, lines); head.Journal != "first" || head.After != 0 {
		t.Fatalf("got %+v", head)
	}
	first, second := next(t, lines), next(t, lines)
	if first.Seq != 1 || first.Text != "one" || first.Stream != 1 || first.PID != pid || first.Command == "" {
		t.Fatalf("got %+v", first)
	}
	if second.Seq != 2 || second.Process != first.Process || second.Command != "" {
		t.Fatalf("got %+v", second)
	}
	a.start(`{"command":"sh","args":["-c","echo three >&2"]}`)
	if third := next(t, lines); third.Stream != 2 || third.Process == first.Process || third.Text != "three" {
		t.Fatalf("got %+v", third)
	}
	again := a.journalLines("?seen=first&after=2&follow=false")
	if head, line := next(t, again), next(t, again); head.After != 2 || line.Text != "three" || line.Command == "" {
		t.Fatalf("got %+v, %+v", head, line)
	}
	if err := again.Decode(&journalLine{}); err != io.EOF {
		t.Fatalf("what does not follow ends with %v", err)
	}
}
