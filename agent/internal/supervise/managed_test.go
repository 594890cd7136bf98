package supervise

import (
	"strings"
	"testing"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
)

func TestAProcessThatWasReplacedDoesNotRunAgain(t *testing.T) {
	stopped := func() *Managed {
		return &Managed{Name: "web", retired: make(chan struct{}), state: State{Status: Stopped}}
	}
	first := stopped()
	if err := first.retire(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	// As of a restart that was under way.
	if err := first.begin(); err != process.ErrNotRunning {
		t.Errorf("begin: %v", err)
	}
	if err := first.RestartNow(); err != process.ErrNotRunning {
		t.Errorf("restart: %v", err)
	}
	running := stopped()
	running.state.Status = Running
	if err := running.retire(func() error { return nil }); err != errNotStopped {
		t.Errorf("a name that runs: %v", err)
	}
}

func TestARestartThatComesTooLateIsTheEnd(t *testing.T) {
	exit := process.Snapshot{}
	late := &Managed{
		Name: "web", retired: make(chan struct{}), state: State{Status: Stopped, LastExit: &exit},
		Restart: Restart{Policy: Always, Announce: func(process.Snapshot, int) string { return "again" }},
	}
	if err := late.retire(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	// As the goroutine that owns the runs does, when it took the request before the other process was started.
	if ended := late.tryBegin(time.NewTimer(time.Hour)); ended != nil || late.State().Status != Stopped {
		t.Errorf("it is %s", late.State().Status)
	}
}

func TestAnAnnouncementDoesNotWaitForAFollowerThatDoesNotRead(t *testing.T) {
	log := ring.NewLog(1 << 10)
	reader := log.NewReader()
	defer reader.Close()
	log.Append(ring.Record{Text: make([]byte, 900)})
	exit := process.Snapshot{}
	managed := &Managed{
		state:   State{LastExit: &exit},
		spec:    process.Spec{Log: log},
		Restart: Restart{Announce: func(process.Snapshot, int) string { return strings.Repeat("again ", 50) }},
	}
	managed.announceLocked()
	if lines := log.Lines(); len(lines) != 1 || !strings.HasPrefix(string(lines[0].Text), "again") {
		t.Errorf("kept %d lines", len(lines))
	}
}
