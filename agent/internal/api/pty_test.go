package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/websocket/wstest"
)

type pty struct {
	*agent
	ID    string `json:"session_id"`
	Token string `json:"token"`
}

func (a *agent) openPty(body string) pty {
	a.t.Helper()
	status, content := a.call("POST", "/api/v1/pty", body)
	session := pty{agent: a}
	if err := json.Unmarshal([]byte(content), &session); status != http.StatusCreated || err != nil {
		a.t.Fatalf("got %d %s", status, content)
	}
	if len(session.ID) != 21 || len(session.Token) != 64 {
		a.t.Fatalf("got %s", content)
	}
	return session
}

func (a *agent) shellPty(script string) pty {
	a.t.Helper()
	encoded, _ := json.Marshal(map[string]any{"command": "/bin/sh", "args": []string{"-c", script}})
	return a.openPty(string(encoded))
}

func (p pty) path() string { return "/api/v1/pty/" + p.ID }

// attach connects a client, which is not ready yet.
func (p pty) attach() *wstest.Client {
	p.t.Helper()
	client, response := wstest.Dial(p.t, p.address, p.path()+"/ws?token="+p.Token, agentToken)
	if client == nil {
		p.t.Fatalf("got %d", response.StatusCode)
	}
	return client
}

var agentToken = map[string]string{"X-Atoll-Token": testToken}

func (p pty) view() *wstest.Client {
	p.t.Helper()
	client := p.attach()
	client.Send(wstest.Binary, []byte{2})
	return client
}

func typeIn(client *wstest.Client, text string) {
	client.Send(wstest.Binary, append([]byte{0}, text...))
}

// readUntil collects output until it holds text.
func readUntil(t *testing.T, client *wstest.Client, text string) string {
	t.Helper()
	var output strings.Builder
	for !strings.Contains(output.String(), text) {
		opcode, payload, err := client.Receive()
		if err != nil || opcode != wstest.Binary || payload[0] != 0 {
			t.Fatalf("got %d %q %v after %q", opcode, payload, err, output.String())
		}
		output.Write(payload[1:])
	}
	return output.String()
}

// readToExit returns the rest of the output and how the session said it ended.
func readToExit(t *testing.T, client *wstest.Client) (output string, frameCode int32, closeCode int, reason string) {
	t.Helper()
	for {
		opcode, payload, err := client.Receive()
		switch {
		case err != nil:
			t.Fatal(err)
		case opcode == wstest.Close:
			return output, frameCode, int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		case payload[0] == 3:
			frameCode = int32(binary.BigEndian.Uint32(payload[1:]))
		default:
			output += string(payload[1:])
		}
	}
}

func TestATerminalIsOneAndItsExitComesByFrameAndReason(t *testing.T) {
	session := startAgent(t).openPty(`{"command":"sh","args":["-c","test -t 0 && test -t 1 && tty && stty size; echo $TERM $A; exit 7"],
		"rows":40,"cols":120,"env":{"A":"1"}}`)
	output, frame, code, reason := readToExit(t, session.view())
	if !strings.Contains(output, "/dev/pts/") || !strings.Contains(output, "40 120") || !strings.Contains(output, "xterm-256color 1") {
		t.Errorf("got %q", output)
	}
	if frame != 7 || code != 1000 || reason != "exit:7" {
		t.Errorf("got %d, %d %q", frame, code, reason)
	}
}

func TestInputIsTypedAndControlCharactersAreSignals(t *testing.T) {
	client := startAgent(t).shellPty("trap 'echo caught' INT; echo up; while read line; do echo got $line; done").view()
	readUntil(t, client, "up")
	typeIn(client, "ahoj\n")
	readUntil(t, client, "got ahoj")
	typeIn(client, "\x03")
	readUntil(t, client, "caught")
	typeIn(client, "\x04")
	if _, frame, _, _ := readToExit(t, client); frame != 0 {
		t.Errorf("exit %d", frame)
	}
}

func TestADeathBySignalIs128AndItsNumber(t *testing.T) {
	if _, frame, _, reason := readToExit(t, startAgent(t).shellPty("kill -TERM $$").view()); frame != 143 || reason != "exit:143" {
		t.Errorf("got %d %q", frame, reason)
	}
}

func TestSizesAreBroughtWithinTheLimits(t *testing.T) {
	a := startAgent(t)
	session := a.openPty(`{"command":"sh","args":["-c","trap 'stty size; echo resized' WINCH; stty size; while :; do sleep 0.05; done"],"rows":0,"cols":99999}`)
	client := session.view()
	readUntil(t, client, "1 1000")
	client.Send(wstest.Binary, []byte{1, 0, 100, 0, 50})
	readUntil(t, client, "50 100\r\nresized")
	if status, content := a.call("POST", session.path()+"/resize", `{"rows":30,"cols":70}`); status != http.StatusNoContent {
		t.Errorf("got %d %s", status, content)
	}
	readUntil(t, client, "30 70\r\nresized")
	_, content := a.call("GET", session.path(), "")
	if !strings.Contains(content, `"rows":30,"cols":70`) || !strings.Contains(content, `"is_alive":true`) {
		t.Errorf("got %s", content)
	}
	a.expectError("POST", session.path()+"/resize", `{"rows":30}`, 400, "INVALID_REQUEST")
}

func TestASecondClientSeesWhatWasPrintedAndBothMayType(t *testing.T) {
	session := startAgent(t).shellPty("echo first; while read line; do echo got $line; done")
	one := session.view()
	readUntil(t, one, "first")
	two := session.view()
	readUntil(t, two, "first")
	typeIn(one, "a\n")
	readUntil(t, two, "got a")
	typeIn(two, "b\n")
	readUntil(t, one, "got b")
	one.Send(wstest.Close, append(binary.BigEndian.AppendUint16(nil, 1000), "client disconnect"...))
	if code, reason := one.ExpectClose(); code != 1000 || reason != "client disconnect" {
		t.Errorf("got %d %q", code, reason)
	}
	typeIn(two, "c\n")
	readUntil(t, two, "got c")
}

func TestAnEndedSessionCanStillBeRead(t *testing.T) {
	a := startAgent(t)
	session := a.shellPty("echo last words; exit 3")
	readToExit(t, session.view())
	output, frame, _, _ := readToExit(t, session.view())
	if output != "last words\r\n" || frame != 3 {
		t.Errorf("got %q %d", output, frame)
	}
	_, content := a.call("GET", "/api/v1/pty", "")
	if !strings.Contains(content, `"exit_code":3,"is_alive":false`) || strings.Contains(content, session.Token) {
		t.Errorf("got %s", content)
	}
}

func TestKillEndsTheProcessAndItsClients(t *testing.T) {
	a := startAgent(t)
	session := a.shellPty("trap 'echo hung up' HUP; echo $$; while :; do sleep 0.05; done")
	client := session.view()
	pid, _ := strconv.Atoi(strings.TrimSpace(readUntil(t, client, "\r\n")))
	if status, _ := a.call("DELETE", session.path(), ""); status != http.StatusNoContent {
		t.Errorf("got %d", status)
	}
	if code, reason := client.ExpectClose(); code != 1001 || reason != "session terminated" {
		t.Errorf("got %d %q", code, reason)
	}
	a.expectError("GET", session.path(), "", 404, "SESSION_NOT_FOUND")
	a.expectError("DELETE", session.path(), "", 404, "SESSION_NOT_FOUND")
	if unix.Kill(pid, 0) != nil {
		t.Error("no time was given")
	}
	deadline := time.Now().Add(15 * time.Second)
	for unix.Kill(pid, 0) == nil {
		if time.Now().After(deadline) {
			t.Fatal("the process lives on")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestATerminalNeedsItsOwnToken(t *testing.T) {
	a := startAgent(t)
	one, two := a.shellPty("sleep 60"), a.shellPty("sleep 60")
	refused := func(path string, headers map[string]string, status int, code string) {
		t.Helper()
		client, response := wstest.Dial(t, a.address, path, headers)
		if client != nil {
			t.Fatal("admitted")
		}
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != status || !strings.Contains(string(body), code) {
			t.Errorf("%s: got %d %s", path, response.StatusCode, body)
		}
	}
	refused(one.path()+"/ws?token="+two.Token, agentToken, 403, "INVALID_TOKEN")
	refused(one.path()+"/ws", agentToken, 403, "INVALID_TOKEN")
	refused(one.path()+"/ws?token="+one.Token, nil, 401, "UNAUTHORIZED")
	refused("/api/v1/pty/nobody/ws?token="+one.Token, agentToken, 404, "SESSION_NOT_FOUND")
	a.expectError("GET", one.path()+"/ws?token="+one.Token, "", 426, "UPGRADE_REQUIRED")
	client, _ := wstest.Dial(t, a.address, one.path()+"/ws", map[string]string{"X-Atoll-Token": testToken, "X-PTY-Token": one.Token})
	if client == nil {
		t.Error("the token in the header is not accepted")
	}
}

func TestBadFramesAreClosedWithTheirReason(t *testing.T) {
	session := startAgent(t).shellPty("cat")
	for _, bad := range []struct {
		opcode  byte
		payload []byte
		code    int
	}{
		{wstest.Text, []byte("x"), 1003},
		{wstest.Binary, nil, 1008},
		{wstest.Binary, []byte{9}, 1008},
		{wstest.Binary, []byte{1, 2}, 1008},
		{wstest.Binary, make([]byte, 64<<10+1), 1009},
	} {
		client := session.view()
		client.Send(bad.opcode, bad.payload)
		if code, reason := client.ExpectClose(); code != bad.code {
			t.Errorf("%d %.9q: got %d %q", bad.opcode, bad.payload, code, reason)
		}
	}
}

func TestInputBeyondItsRateIsRefused(t *testing.T) {
	client := startAgent(t).shellPty("stty raw -echo; exec cat > /dev/null").view()
	go func() {
		frame := wstest.Frame(true, wstest.Binary, make([]byte, 60<<10))
		for range 40 {
			if _, err := client.Conn.Write(frame); err != nil {
				return
			}
		}
	}()
	if code, reason := client.ExpectClose(); code != 1008 || !strings.Contains(reason, "1 MB") {
		t.Errorf("got %d %q", code, reason)
	}
}

func TestAClientThatIsNeverReadyIsLeftWithTheFirstMebibyte(t *testing.T) {
	session := startAgent(t).shellPty("sleep 0.2; head -c 3000000 /dev/zero; sleep 60")
	if code, reason := session.attach().ExpectClose(); code != 1008 || !strings.Contains(reason, "READY") {
		t.Errorf("got %d %q", code, reason)
	}
}

func TestNothingIsLostBeforeTheFirstClientIsReady(t *testing.T) {
	session := startAgent(t).openPty(`{"command":"sh","args":["-c","stty -opost; head -c 3000000 /dev/zero | tr '\\0' x"]}`)
	client := session.attach()
	time.Sleep(500 * time.Millisecond)
	client.Send(wstest.Binary, []byte{2})
	if output, _, code, _ := readToExit(t, client); len(output) != 3_000_000 || code != 1000 {
		t.Errorf("got %d bytes, %d", len(output), code)
	}
}

func TestNoMoreThan64SessionsLive(t *testing.T) {
	a := startAgent(t)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() { a.shellPty("sleep 60") })
	}
	all.Wait()
	a.expectError("POST", "/api/v1/pty", `{"command":"sh"}`, 429, "TOO_MANY_SESSIONS")
}

func TestOpeningIsRefusedWithReasons(t *testing.T) {
	a := startAgent(t)
	a.expectError("POST", "/api/v1/pty", `{}`, 400, "INVALID_REQUEST")
	a.expectError("POST", "/api/v1/pty", `{"command":"no-such-command"}`, 400, "SPAWN_FAILED")
	a.expectError("POST", "/api/v1/pty", `{"command":"sh","rows":"x"}`, 400, "INVALID_REQUEST")
	a.expectError("POST", "/api/v1/pty", `{"command":"sh","user":"nobody-here"}`, 400, "USER_NOT_FOUND")
	if _, content := a.call("GET", "/api/v1/pty", ""); content != `{"sessions":[]}` {
		t.Errorf("got %s", content)
	}
}

// A process that prints without end waits for the client that does not read; what is between them is bounded.
func TestASlowClientHoldsTheProcessAndNotMemory(t *testing.T) {
	a := startAgent(t)
	session := a.openPty(`{"command":"sh","args":["-c","stty -opost; exec yes"]}`)
	client := session.view()
	readUntil(t, client, "y")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	// The sockets and the ring fill up; from then on the process makes no progress.
	first, second := "1", "2"
	_, content := a.call("GET", session.path(), "")
	var info struct{ Pid int }
	_ = json.Unmarshal([]byte(content), &info)
	for deadline := time.Now().Add(15 * time.Second); first != second; {
		if time.Now().After(deadline) {
			t.Fatal("the process is not held")
		}
		first = cpuTicks(info.Pid)
		time.Sleep(500 * time.Millisecond)
		second = cpuTicks(info.Pid)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 8<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	readUntil(t, client, strings.Repeat("y\n", 2000))
}

func cpuTicks(pid int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return fields[11] + " " + fields[12]
}

func TestASlowClientDoesNotHoldOthersForLong(t *testing.T) {
	session := startAgent(t).openPty(`{"command":"sh","args":["-c","stty -opost; exec yes"]}`)
	stuck, reading := session.view(), session.view()
	const enough = 24 << 20
	total := 0
	for total < enough {
		_, payload, err := reading.Receive()
		if err != nil {
			t.Fatal(err)
		}
		total += len(payload)
	}
	_, err := io.Copy(io.Discard, stuck.Conn)
	if err != nil && !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the stuck client was not cut: %v", err)
	}
}
