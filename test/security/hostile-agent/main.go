// A program in the agent's place that means harm: what root in a sandbox can put there. The first word of the
// sandbox's entrypoint says what its event stream does; requests to the data plane get the same.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type config struct {
	Listen     string   `json:"listen"`
	Entrypoint []string `json:"entrypoint"`
}

const (
	ok      = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
)

var big = strings.Repeat("a", 60_000)

// modes are what a connection is answered: once `first`, then `again` without end. A mode without `again` hangs up.
var modes = map[string]struct{ first, again string }{
	"hello-and-gone":  {ok + `{"event":"hello","incarnation":1,"generation":1}` + "\n", ""},
	"endless-line":    {ok, big},
	"garbage-lines":   {ok, strings.Repeat("x\n", 30_000)},
	"binary":          {ok, strings.Repeat("\x00\xff\xfe\n", 15_000)},
	"endless-alive":   {ok, strings.Repeat(`{"event":"alive"}`+"\n", 3_000)},
	"endless-hello":   {ok, strings.Repeat(`{"event":"hello","incarnation":1,"generation":1}`+"\n", 1_000)},
	"endless-oom":     {ok, strings.Repeat(`{"event":"oom","reason":"`+big[:500]+`"}`+"\n", 100)},
	"deep-json":       {ok, strings.Repeat("[", 60_000) + "\n"},
	"wrong-types":     {ok, `{"event":{"__proto__":[]},"pid":"x"}` + "\n" + `{"event":"exit","pid":1e400}` + "\nnull\n"},
	"endless-headers": {"HTTP/1.1 200 OK\r\n", "X-A: " + big + "\r\n"},
	"endless-early":   {"", "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n"},
	"endless-refusal": {"HTTP/1.1 401 Unauthorized\r\n\r\n", big},
	"endless-chunks":  {chunked, "1;" + big[:8000] + "\r\n\n\r\n"},
	"bad-chunk":       {chunked + "zz\r\n", ""},
	"no-http":         {"SSH-2.0-OpenSSH\r\n", ""},
	"status-zero":     {"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n", ""},
	"upgrade":         {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", ""},
	"redirect":        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ""},
	"nothing":         {"", ""},
}

func main() {
	// The host runs the agent's binary as well, to start programs: that is not where the sandbox is.
	if len(os.Args) > 1 && os.Args[1] == "launch" {
		fmt.Fprintln(os.Stderr, syscall.Exec(os.Getenv("ATOLL_TEST_LAUNCHER"), os.Args, os.Environ()))
		os.Exit(1)
	}
	if len(os.Args) == 2 && os.Args[1] == "pause" {
		time.Sleep(24 * time.Hour) // what holds a prepared sandbox open is no part of the harm
	}
	identity := os.Args[len(os.Args)-1]
	raw, err := os.ReadFile(filepath.Join(identity, "agent.json"))
	check(err)
	var settings config
	check(json.Unmarshal(raw, &settings))
	listener, err := net.Listen("tcp", settings.Listen)
	check(err)
	fmt.Printf(`{"event":"ready","port":%d}`+"\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		check(err)
		go answer(connection, settings.Entrypoint[0])
	}
}

func answer(connection net.Conn, name string) {
	defer connection.Close()
	if _, err := bufio.NewReader(connection).ReadString('\n'); err != nil {
		return
	}
	if name == "never-answers" {
		time.Sleep(time.Hour)
	}
	mode := modes[name]
	_, err := connection.Write([]byte(mode.first))
	for mode.again != "" && err == nil {
		_, err = connection.Write([]byte(mode.again))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
