package api

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// neverRead begins to follow and reads nothing of it.
func (a *agent) neverRead(path string) {
	a.t.Helper()
	conn, err := net.Dial("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nX-Atoll-Token: %s\r\n\r\n", path, testToken)
}

// standsStill waits until the output of a process no longer grows, because somebody does not read it.
func (a *agent) standsStill(name string) {
	a.t.Helper()
	last, since := "", time.Now()
	for deadline := time.Now().Add(15 * time.Second); time.Since(since) < patience/4; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Fatal("the process was not held back")
		}
		if lines := a.table.Find(a.pidOf(name)).Log.Lines(); len(lines) == 0 || string(lines[len(lines)-1].Text) != last {
			since = time.Now()
			if len(lines) > 0 {
				last = string(lines[len(lines)-1].Text)
			}
		}
	}
}

func (a *agent) pidOf(name string) int {
	_, content := a.call("GET", "/api/v1/processes/"+name, "")
	return a.parseInfo(content).PID
}

// counting prints numbered lines for as long as it is let.
const counting = `"command":"seq","args":["1","999999999999"]`

func TestStopAndRestartDoNotWaitForAFollowerThatDoesNotRead(t *testing.T) {
	for path, want := range map[string]string{"restart": "running", "": "stopped"} {
		a := startAgent(t)
		a.startManaged(`{"name":"p",` + counting + `}`)
		a.neverRead("/api/v1/processes/p/stdout/follow")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		method := "DELETE"
		if path != "" {
			method, path = "POST", "/"+path
		}
		a.standsStill("p")
		response := a.request(ctx, method, "/api/v1/processes/p"+path, nil)
		_ = response.Body.Close()
		a.becomes("p", want, func(info processInfo) bool { return string(info.Managed.Status) == want })
		a.call("DELETE", "/api/v1/processes/p", "")
	}
}

func TestAFollowerThatDoesNotReadHoldsAProcessBackForSoLongOnly(t *testing.T) {
	for _, path := range []string{"/api/v1/processes/p/stdout/follow", "/blaxel/process/p/logs/stream"} {
		a := startAgent(t)
		first := a.startManaged(`{"name":"p","restart":{"policy":"on_failure","initial_backoff_ms":1},` + counting + `}`)
		a.neverRead(path)
		a.standsStill("p")
		a.call("POST", "/api/v1/processes/p/signal", `{"signal":9}`)
		a.becomes("p", "running again", func(info processInfo) bool { return info.PID != first.PID })
		a.call("DELETE", "/api/v1/processes/p", "")
	}
}

func TestANameIsFoundWhateverItLooksLike(t *testing.T) {
	a := startAgent(t)
	for _, name := range []string{"-5", "+5", "5a"} {
		a.startManaged(fmt.Sprintf(`{"command":"sleep","args":["60"],"name":%q}`, name))
		if status, content := a.call("GET", "/api/v1/processes/"+name, ""); status != 200 {
			t.Errorf("%s: %d %s", name, status, content)
		}
	}
}

func TestAStartThatFailsLeavesTheStoppedProcessOfItsName(t *testing.T) {
	a := startAgent(t)
	a.startManaged(`{"command":"true","name":"web"}`)
	a.becomes("web", "stopped", func(info processInfo) bool { return info.Managed.Status == "stopped" })
	a.expectError("POST", "/api/v1/processes", `{"command":"no-such-command","name":"web"}`, 400, "SPAWN_FAILED")
	a.becomes("web", "still there", func(info processInfo) bool { return info.Command == "true" })
	a.startManaged(`{"command":"sleep","args":["60"],"name":"web"}`)
	_, list := a.call("GET", "/api/v1/processes", "")
	if strings.Count(list, `"name":"web"`) != 1 {
		t.Errorf("the stopped one has made room: %s", list)
	}
}

func TestRestartsAtOnceFindTheProcessByItsName(t *testing.T) {
	a := startAgent(t)
	a.startManaged(`{"command":"sleep","args":["60"],"name":"p"}`)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				if status, content := a.call("POST", "/api/v1/processes/p/restart", ""); status != 200 {
					t.Errorf("%d %s", status, content)
				}
			}
		})
	}
	group.Wait()
}
