package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// upgrade opens a plain connection to a route.
func (a *agent) upgrade(path string) (net.Conn, *bufio.Reader) {
	a.t.Helper()
	connection, err := net.Dial("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n\r\n",
		path, rawProtocol, tokenHeader, testToken)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		a.t.Fatalf("%s: %d %s", path, response.StatusCode, body)
	}
	return connection, reader
}

func socketQuery(path string) string {
	query := url.Values{"path": {path}, "uid": {strconv.Itoa(os.Getuid())}, "gid": {strconv.Itoa(os.Getgid())}, "mode": {"640"}}
	return "/internal/v1/listen?" + query.Encode()
}

func TestASocketIsServedByTheCallerAndGoneWithItsFoldersAfterwards(t *testing.T) {
	a := startAgent(t)
	folder := t.TempDir()
	path := filepath.Join(folder, "a", "b", "agent.sock")
	control, lines := a.upgrade(socketQuery(path))
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o640 {
		t.Fatalf("got %v, %v", info, err)
	}
	process, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Close()
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var accepted acceptedLine
	if err := json.Unmarshal(line, &accepted); err != nil {
		t.Fatal(err)
	}
	claimed, answers := a.upgrade("/internal/v1/accepted/" + accepted.ID)
	_, _ = io.WriteString(process, "asked")
	_, _ = io.WriteString(claimed, "answered")
	for reader, want := range map[io.Reader]string{answers: "asked", process: "answered"} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(reader, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	_ = control.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Fatalf("got %q, %v", rest, err)
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func TestASocketTakesThePlaceOfNothing(t *testing.T) {
	a := startAgent(t)
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for query, code := range map[string]string{
		socketQuery(path):                      "PORT_TAKEN",
		socketQuery(filepath.Join(path, "s")):  "PORT_TAKEN",
		socketQuery("relative"):                "INVALID_PATH",
		"/internal/v1/listen?path=/x&uid=root": "INVALID_PATH",
	} {
		connection, err := net.Dial("tcp", a.address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n\r\n",
			query, rawProtocol, tokenHeader, testToken)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			Code string `json:"code"`
		}
		_ = json.NewDecoder(response.Body).Decode(&said)
		_ = connection.Close()
		if said.Code != code {
			t.Errorf("%s: %d %s", query, response.StatusCode, said.Code)
		}
	}
	if content, _ := os.ReadFile(path); string(content) != "kept" {
		t.Errorf("the file holds %q", content)
	}
}
