package supervise

import (
	"testing"

	"atoll.dev/agent/internal/process"
)

func TestAProcessThatWasReplacedDoesNotRunAgain(t *testing.T) {
	stopped := func() *Managed {
		return &Managed{Name: "web", retired: make(chan struct{}), state: State{Status: Stopped}}
	}
	supervisor := New(nil)
	first := stopped()
	supervisor.entries = []*Managed{first}
	if err := supervisor.makeRoomLocked("web"); err != nil {
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
	supervisor.entries = []*Managed{running}
	if err := supervisor.makeRoomLocked("web"); err != ErrNameTaken {
		t.Errorf("a name that runs: %v", err)
	}
}
