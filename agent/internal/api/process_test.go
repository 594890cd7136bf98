package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRunStreamsStartLinesAndExit(t *testing.T) {
	a := startAgent(t)
	status, content := a.call("POST", "/api/v1/processes/run",
		`{"command":"sh","args":["-c","echo \"a\\\"b\"; printf '\\377x\\001'; exit 3"],"unknown":{"x":1}}`)
	var got []string
	for _, text := range strings.Split(content, "\n\n") {
		var event map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "data: ")), &event); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		delete(event, "timestamp")
		got = append(got, fmt.Sprintf("%v %v %v", event["line"], event["stream"], event["exit_code"]))
	}
	want := []string{"<nil> <nil> <nil>", "a\"b stdout <nil>", "\ufffdx\x01 stdout <nil>", "<nil> <nil> 3"}
	if status != 200 || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("got %d %q", status, got)
	}
}

func TestRunReportsTimeoutAsSignalNine(t *testing.T) {
	a := startAgent(t)
	_, content := a.call("POST", "/api/v1/processes/run", `{"command":"sleep","args":["300"],"timeout":0.2}`)
	if !strings.HasSuffix(content, `data: {"signal":9}`) {
		t.Fatalf("got %s", content)
	}
}

func TestLeavingRunKillsTheProcessAndItsDaemons(t *testing.T) {
	a := startAgent(t)
	ctx, cancel := context.WithCancel(t.Context())
	response := a.request(ctx, "POST", "/api/v1/processes/run", strings.NewReader(
		`{"command":"sh","args":["-c","setsid sh -c 'echo $$ > daemon; sleep 300' & sleep 300"]}`))
	pid := int(readEvent(t, bufio.NewReader(response.Body))["pid"].(float64))
	daemonFile := filepath.Join(a.root, "work/daemon")
	waitFor(t, func() bool { content, _ := os.ReadFile(daemonFile); return len(content) > 1 })
	var daemon int
	content, _ := os.ReadFile(daemonFile)
	_, _ = fmt.Sscan(string(content), &daemon)
	cancel()
	waitFor(t, func() bool { return syscall.Kill(pid, 0) != nil && syscall.Kill(daemon, 0) != nil })
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
	}
}

func TestWrongProcessRequestsAreRefused(t *testing.T) {
	a := startAgent(t)
	for _, path := range []string{"/api/v1/processes", "/api/v1/processes/run"} {
		for _, body := range []string{
			``, `{`, `[]`, `"x"`, `{}`, `{"command":7}`, `{"command":""}`, `{"command":"a\u0000b"}`,
			`{"command":"ls","args":"x"}`, `{"command":"ls","args":[1]}`, `{"command":"ls","args":[null]}`,
			`{"command":"ls","args":["\u0000"]}`, `{"command":"ls","env":{"A=B":"x"}}`, `{"command":"ls","env":{"":"x"}}`,
			`{"command":"ls","env":{"A":"\u0000"}}`, `{"command":"ls","env":{"A":1}}`, `{"command":"ls","env":{"A":null}}`,
			`{"command":"ls","working_dir":"\u0000"}`, `{"command":"ls","timeout":-1}`, `{"command":"ls","timeout":"1"}`,
			`{"command":"ls","user":5}`, `{"command":"ls","user":"-1"}`, `{"command":"ls","user":{"uid":4294967295}}`,
			`{"command":"ls","stdin_mode":"tty"}`, `{"command":"ls"} {}`,
		} {
			a.expectError("POST", path, body, 400, "INVALID_REQUEST")
		}
		a.expectError("POST", path, `{"command":"ls","user":"nobody-here"}`, 400, "USER_NOT_FOUND")
		a.expectError("POST", path, `{"command":"no-such-command"}`, 400, "SPAWN_FAILED")
		a.expectError("POST", path, `{"command":"ls","working_dir":"/nope"}`, 400, "SPAWN_FAILED")
		a.expectError("POST", path, `{"command":"`+strings.Repeat("x", 1<<20)+`"}`, 413, "PAYLOAD_TOO_LARGE")
	}
	if _, total := a.table.Count(); total != 0 {
		t.Fatalf("%d processes were left", total)
	}
}

func (a *agent) start(body string) int {
	a.t.Helper()
	status, content := a.call("POST", "/api/v1/processes", body)
	var info struct{ PID int }
	if err := json.Unmarshal([]byte(content), &info); err != nil || status != 201 || info.PID == 0 {
		a.t.Fatalf("got %d %s", status, content)
	}
	return info.PID
}

func TestProcessInfoHasEveryFieldOfTheWire(t *testing.T) {
	a := startAgent(t)
	pid := a.start(`{"command":"cat","stdin_mode":"pipe"}`)
	_, content := a.call("GET", fmt.Sprint("/api/v1/processes/", pid), "")
	var info map[string]any
	if err := json.Unmarshal([]byte(content), &info); err != nil {
		t.Fatal(err)
	}
	delete(info, "started_at")
	got, _ := json.Marshal(info)
	want := fmt.Sprintf(`{"args":[],"command":"cat","ended_at":null,"exit_code":null,"handle":1,"oom_killed":false,`+
		`"pid":%d,"signal":null,"status":"running","stdin_writable":true}`, pid)
	if string(got) != want {
		t.Fatalf("got %s", got)
	}
}

func TestStdinOutputAndFollow(t *testing.T) {
	a := startAgent(t)
	base := fmt.Sprint("/api/v1/processes/", a.start(`{"command":"sh","args":["-c","cat; echo done >&2"],"stdin_mode":"pipe"}`))
	if status, _ := a.call("POST", base+"/stdin", "hello\n"); status != 204 {
		t.Fatalf("stdin: %d", status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	follower := bufio.NewReader(a.request(ctx, "GET", base+"/output/follow", nil).Body)
	if event := readEvent(t, follower); event["line"] != "hello" || event["stream"] != "stdout" {
		t.Fatalf("got %v", event)
	}
	for range 2 {
		if status, _ := a.call("POST", base+"/stdin/close", ""); status != 204 {
			t.Fatalf("close: %d", status)
		}
	}
	if event := readEvent(t, follower); event["line"] != "done" || event["stream"] != "stderr" {
		t.Fatalf("got %v", event)
	}
	if event := readEvent(t, follower); len(event) != 0 {
		t.Fatalf("got %v, want eof", event)
	}
	a.expectError("POST", base+"/stdin", "more", 400, "STDIN_NOT_WRITABLE")
	if _, content := a.call("GET", base+"/stdout", ""); !strings.Contains(content, `"line_count":1,"lines":["hello"]`) {
		t.Fatalf("got %s", content)
	}
	if _, content := a.call("GET", base+"/output", ""); !strings.Contains(content, `"lines":["hello","done"]`) {
		t.Fatalf("got %s", content)
	}
	if _, content := a.call("GET", base+"/stderr/follow", ""); !strings.HasSuffix(content, "event: eof\ndata: {}") {
		t.Fatalf("got %s", content)
	}
}

func TestSignalAndKill(t *testing.T) {
	a := startAgent(t)
	base := fmt.Sprint("/api/v1/processes/", a.start(`{"command":"sleep","args":["300"]}`))
	for _, body := range []string{`{}`, `{"signal":0}`, `{"signal":65}`, `{"signal":-1}`, `{"signal":null}`} {
		a.expectError("POST", base+"/signal", body, 400, "INVALID_SIGNAL")
	}
	a.expectError("POST", base+"/signal", `{"signal":"TERM"}`, 400, "INVALID_REQUEST")
	if status, content := a.call("POST", base+"/signal", `{"signal":15}`); status != 200 || content != `{"success":true}` {
		t.Fatalf("got %d %s", status, content)
	}
	waitFor(t, func() bool { _, content := a.call("GET", base, ""); return strings.Contains(content, `"signaled"`) })
	a.expectError("POST", base+"/signal", `{"signal":15}`, 400, "NOT_RUNNING")
	if status, _ := a.call("DELETE", base, ""); status != 204 {
		t.Fatalf("kill: %d", status)
	}
	for _, request := range []string{"GET ", "DELETE ", "GET /stdout", "GET /output/follow", "POST /stdin"} {
		method, rest, _ := strings.Cut(request, " ")
		a.expectError(method, "/api/v1/processes/999999999"+rest, "", 404, "NOT_FOUND")
	}
	a.expectError("GET", "/api/v1/processes/web%201", "", 404, "NOT_FOUND")
}

func TestAFollowerThatNeverReadsGrowsNoMemory(t *testing.T) {
	a := startAgent(t)
	pid := a.start(`{"command":"sh","args":["-c","sleep 0.2; yes"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	_ = a.request(ctx, "GET", fmt.Sprintf("/api/v1/processes/%d/stdout/follow", pid), nil)
	time.Sleep(time.Second)
	if size := a.table.Find(pid).Log.SizeBytes(); size > 1<<20 {
		t.Fatalf("the log holds %d bytes", size)
	}
	cancel()
}
