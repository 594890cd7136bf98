package api

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestOnlyTheTokenOpensTheAgent(t *testing.T) {
	a := startAgent(t)
	for _, token := range []string{"", "wrong", testToken + "x"} {
		request, _ := http.NewRequest("GET", "http://"+a.address+"/api/v1/health", nil)
		request.Header.Set("X-Atoll-Token", token)
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode != 401 || response.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("token %q: %v %v", token, response, err)
		}
		_ = response.Body.Close()
	}
	if status, content := a.call("GET", "/api/v1/health", ""); status != 200 || content != `{"healthy":true}` {
		t.Fatalf("got %d %s", status, content)
	}
}

func TestANewTokenInTheIdentityIsTakenOver(t *testing.T) {
	a := startAgent(t)
	writeIdentity(t, a.identityDir, "fedcba9876543210", 2)
	request, _ := http.NewRequest("GET", "http://"+a.address+"/api/v1/health", nil)
	request.Header.Set("X-Atoll-Token", "fedcba9876543210")
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("got %v %v", response, err)
	}
	_ = response.Body.Close()
	a.expectError("GET", "/api/v1/health", "", 401, "UNAUTHORIZED")
}

func TestUnknownRoutesAnswerJSON(t *testing.T) {
	a := startAgent(t)
	for _, path := range []string{"/", "/api/v1/nothing", "/api/v1/processes/1/restart", "/api/v1/processes/1/nope/follow"} {
		a.expectError("GET", path, "", 404, "NOT_FOUND")
	}
	a.expectError("PATCH", "/api/v1/health", "", 404, "NOT_FOUND")
}

func TestInfoHasItsFields(t *testing.T) {
	a := startAgent(t)
	_, content := a.call("GET", "/api/v1/info", "")
	var info map[string]any
	if err := json.Unmarshal([]byte(content), &info); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"version", "generation", "uptime_secs", "running_processes", "total_processes"} {
		if _, present := info[field]; !present {
			t.Errorf("%s is missing in %s", field, content)
		}
	}
	if status, content := a.call("GET", "/internal/v1/stats", ""); status != 200 || !strings.Contains(content, "memoryTotalBytes") {
		t.Fatalf("got %d %s", status, content)
	}
}

func TestEventsTellHelloAndExits(t *testing.T) {
	a := startAgent(t)
	events := json.NewDecoder(a.request(t.Context(), "GET", "/internal/v1/events", nil).Body)
	var hello, hold, exit map[string]any
	if err := events.Decode(&hello); err != nil || hello["event"] != "hello" || hello["generation"] != 1.0 {
		t.Fatalf("got %v %v", hello, err)
	}
	if err := events.Decode(&hold); err != nil || hold["event"] != "hold" || hold["held"] != false {
		t.Fatalf("got %v %v", hold, err)
	}
	pid := a.start(`{"command":"sh","args":["-c","exit 5"]}`)
	if err := events.Decode(&exit); err != nil || exit["event"] != "exit" || exit["pid"] != float64(pid) || exit["exitCode"] != 5.0 {
		t.Fatalf("got %v %v", exit, err)
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	a := startAgent(t)
	connection, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = connection.Write([]byte("GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX: "))
	go func() { _, _ = connection.Write([]byte(strings.Repeat("x", 10<<20))) }()
	status, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil || !strings.Contains(status, "431") {
		t.Fatalf("got %q %v", status, err)
	}
}

func FuzzJSONString(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x00\"\\\n\r\t\x1f", "é\xff\xc3", "\u2028"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var back string
		if err := json.Unmarshal(appendJSONString(nil, text), &back); err != nil {
			t.Fatal(err)
		}
		if valid := utf8.Valid(text); valid && back != string(text) || !valid && !strings.ContainsRune(back, utf8.RuneError) {
			t.Fatalf("%q became %q", text, back)
		}
	})
}
