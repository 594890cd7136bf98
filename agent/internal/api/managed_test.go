package api

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (a *agent) startManaged(body string) processInfo {
	a.t.Helper()
	status, content := a.call("POST", "/api/v1/processes", body)
	if status != http.StatusCreated {
		a.t.Fatalf("got %d %s", status, content)
	}
	return a.parseInfo(content)
}

func (a *agent) parseInfo(content string) processInfo {
	a.t.Helper()
	var info processInfo
	if err := json.Unmarshal([]byte(content), &info); err != nil || info.Managed == nil {
		a.t.Fatalf("%v in %s", err, content)
	}
	return info
}

// becomes waits until the managed process is as wanted.
func (a *agent) becomes(name, what string, wanted func(processInfo) bool) processInfo {
	a.t.Helper()
	var content string
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		_, content = a.call("GET", "/api/v1/processes/"+name, "")
		if info := a.parseInfo(content); wanted(info) {
			return info
		}
	}
	a.t.Fatalf("never %s: %s", what, content)
	return processInfo{}
}

func TestAManagedProcessIsFoundByItsNameWithItsDefaults(t *testing.T) {
	a := startAgent(t)
	started := a.startManaged(`{"command":"sleep","args":["60"],"name":"web 1","restart":{"policy":"always","max_restarts":3,"initial_backoff_ms":100}}`)
	_, content := a.call("GET", "/api/v1/processes/web%201", "")
	found := a.parseInfo(content)
	encoded, _ := json.Marshal(found.Managed)
	want := `{"id":"web 1","name":"web 1","status":"running","restart_count":0,"restart":{"policy":"always","max_restarts":3,` +
		`"initial_backoff_ms":100,"max_backoff_ms":30000},"health_status":"disabled","consecutive_health_failures":0}`
	if found.PID != started.PID || string(encoded) != want {
		t.Errorf("got %s", content)
	}
	a.expectError("POST", "/api/v1/processes", `{"command":"true","name":"web 1"}`, 409, "NAME_TAKEN")
}

func TestRestartsFollowThePolicyAndItsLimit(t *testing.T) {
	a := startAgent(t)
	for _, example := range []struct {
		policy   string
		code     int
		restarts int
	}{{"never", 1, 0}, {"on_failure", 0, 0}, {"on_failure", 1, 2}, {"always", 0, 2}} {
		name := fmt.Sprintf("%s-%d", example.policy, example.code)
		a.startManaged(fmt.Sprintf(`{"command":"sh","args":["-c","echo run; exit %d"],"name":%q,
			"restart":{"policy":%q,"max_restarts":2,"initial_backoff_ms":1}}`, example.code, name, example.policy))
		info := a.becomes(name, "stopped", func(info processInfo) bool { return info.Managed.Status == "stopped" })
		if info.Managed.RestartCount != example.restarts || *info.Managed.LastExit.ExitCode != example.code {
			t.Errorf("%s: %+v", name, info.Managed)
		}
		_, output := a.call("GET", "/api/v1/processes/"+name+"/stdout", "")
		if strings.Count(output, `"run"`) != example.restarts+1 {
			t.Errorf("%s: the output of all runs is %s", name, output)
		}
	}
	_, list := a.call("GET", "/api/v1/processes", "")
	if strings.Count(list, `"managed"`) != 4 || strings.Count(list, `"pid"`) != 4 {
		t.Errorf("each has one entry: %s", list)
	}
}

func TestThePauseBetweenRestartsGrows(t *testing.T) {
	a := startAgent(t)
	began := time.Now()
	a.startManaged(`{"command":"false","name":"p","restart":{"policy":"always","max_restarts":4,"initial_backoff_ms":50,"max_backoff_ms":150}}`)
	a.becomes("p", "backing off", func(info processInfo) bool {
		return info.Managed.Status == "backing_off" && info.Managed.NextRestartAt != nil && info.Status == "exited"
	})
	a.becomes("p", "stopped", func(info processInfo) bool { return info.Managed.Status == "stopped" })
	if took := time.Since(began); took < 450*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestKillStopsAManagedProcessAndRestartBringsItBack(t *testing.T) {
	a := startAgent(t)
	first := a.startManaged(`{"command":"sleep","args":["60"],"name":"p","restart":{"policy":"always","initial_backoff_ms":1}}`)
	_, content := a.call("POST", "/api/v1/processes/p/restart", "")
	second := a.parseInfo(content)
	if second.PID == first.PID || second.Managed.RestartCount != 1 || *second.Managed.LastExit.Signal != 9 {
		t.Errorf("got %s", content)
	}
	if status, _ := a.call("DELETE", "/api/v1/processes/p", ""); status != http.StatusNoContent {
		t.Errorf("got %d", status)
	}
	time.Sleep(50 * time.Millisecond)
	_, content = a.call("GET", "/api/v1/processes/p", "")
	if info := a.parseInfo(content); info.Managed.Status != "stopped" || info.Status != "signaled" {
		t.Errorf("got %s", content)
	}
	if status, content := a.call("POST", fmt.Sprintf("/api/v1/processes/%d/restart", second.PID), ""); status != 200 || !strings.Contains(content, `"running"`) {
		t.Errorf("got %d %s", status, content)
	}
	a.expectError("POST", "/api/v1/processes/999999/restart", "", 404, "NOT_FOUND")
}

func TestASignalledProcessIsStartedAgain(t *testing.T) {
	a := startAgent(t)
	first := a.startManaged(`{"command":"sleep","args":["60"],"name":"p","restart":{"policy":"on_failure","initial_backoff_ms":1}}`)
	if status, _ := a.call("POST", "/api/v1/processes/p/signal", `{"signal":15}`); status != 200 {
		t.Errorf("got %d", status)
	}
	a.becomes("p", "running again", func(info processInfo) bool {
		return info.PID != first.PID && info.Status == "running" && *info.Managed.LastExit.Signal == 15
	})
}

func TestHealthIsCheckedByConnectionAndByStatus(t *testing.T) {
	a := startAgent(t)
	tcp := listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {})
	start := func(name string, check string) {
		a.startManaged(fmt.Sprintf(`{"command":"sleep","args":["60"],"name":%q,"health_check":{"initial_delay_ms":20,"interval_ms":20,%s}}`, name, check))
	}
	server := http.NewServeMux()
	server.HandleFunc("/up", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	listener, _ := net.Listen("tcp", "[::1]:0")
	go func() { _ = http.Serve(listener, server) }()
	t.Cleanup(func() { _ = listener.Close() })
	port := listener.Addr().(*net.TCPAddr).Port
	start("tcp", fmt.Sprintf(`"type":"tcp","port":%d`, tcp))
	start("http", fmt.Sprintf(`"type":"http","port":%d,"path":"/up"`, port))
	start("missing", fmt.Sprintf(`"type":"http","port":%d,"path":"/missing"`, port))
	for _, name := range []string{"tcp", "http"} {
		a.becomes(name, "healthy", func(info processInfo) bool {
			return info.Managed.HealthStatus == "healthy" && info.Managed.Status == "running"
		})
	}
	unhealthy := a.becomes("missing", "unhealthy", func(info processInfo) bool { return info.Managed.HealthStatus == "unhealthy" })
	if unhealthy.Status != "running" || !strings.Contains(unhealthy.Managed.LastError, "404") {
		t.Errorf("without a restart policy it goes on: %+v", unhealthy.Managed)
	}
}

func TestAnUnhealthyProcessIsRestarted(t *testing.T) {
	a := startAgent(t)
	a.startManaged(`{"command":"sleep","args":["60"],"name":"p","restart":{"policy":"on_failure","max_restarts":1,"initial_backoff_ms":1},
		"health_check":{"type":"tcp","port":1,"initial_delay_ms":10,"interval_ms":10,"failure_threshold":2}}`)
	a.becomes("p", "restarted and unhealthy again", func(info processInfo) bool {
		return info.Managed.RestartCount == 1 && info.Managed.HealthStatus == "unhealthy" && *info.Managed.LastExit.Signal == 9
	})
}

func TestWrongSupervisionIsRefused(t *testing.T) {
	a := startAgent(t)
	for _, body := range []string{
		`{"command":"true","name":""}`, `{"command":"true","name":"12"}`, `{"command":"true","name":"a/b"}`,
		`{"command":"true","name":"."}`, `{"command":"true","name":".."}`,
		`{"command":"true","restart":{"policy":"sometimes"}}`, `{"command":"true","restart":{"max_restarts":-1}}`,
		`{"command":"true","health_check":{"type":"udp","port":1}}`, `{"command":"true","health_check":{"type":"tcp","port":0}}`,
		`{"command":"true","health_check":{"type":"http","port":1,"path":"x"}}`,
		`{"command":"true","health_check":{"type":"http","port":1,"path":"/%zz"}}`,
		`{"command":"true","health_check":{"type":"http","port":1,"path":"/\u0001"}}`,
		`{"command":"true","health_check":{"type":"tcp","port":1,"interval_ms":0}}`,
	} {
		a.expectError("POST", "/api/v1/processes", body, 400, "INVALID_REQUEST")
	}
	a.expectError("POST", "/api/v1/processes", `{"command":"no-such-command","name":"p"}`, 400, "SPAWN_FAILED")
	a.expectError("GET", "/api/v1/processes/p", "", 404, "NOT_FOUND")
	a.startManaged(`{"command":"true","name":"p"}`)
	_, plain := a.call("POST", "/api/v1/processes", `{"command":"true","name":null,"restart":null}`)
	if strings.Contains(plain, "managed") {
		t.Errorf("null is absent: %s", plain)
	}
}
