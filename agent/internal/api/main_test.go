package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/blaxel"
	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/event"
	"atoll.dev/agent/internal/file"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/reap"
	"atoll.dev/agent/internal/supervise"
	"atoll.dev/agent/internal/terminal"
)

// patience is what those who follow output have here.
const patience = 2 * time.Second

const testToken = "0123456789abcdef"

var reaper = reap.New()

func TestMain(m *testing.M) {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	ctx, cancel := context.WithCancel(context.Background())
	go reaper.Run(ctx)
	code := m.Run()
	cancel()
	os.Exit(code)
}

// agent is a running surface over a folder of its own.
type agent struct {
	t           *testing.T
	root        string
	identityDir string
	address     string
	table       *process.Table
	events      *event.Hub
	journal     *journal.Journal
}

func writeIdentity(t *testing.T, dir, token string, incarnation int) {
	t.Helper()
	content, _ := json.Marshal(map[string]any{
		"sandboxId": "sbx", "incarnation": incarnation, "token": token, "listen": "127.0.0.1:0",
	})
	if err := os.WriteFile(filepath.Join(dir, "agent.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func startAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, root: t.TempDir(), identityDir: t.TempDir(), events: event.NewHub(), journal: journal.New(1<<20, "first")}
	writeIdentity(t, a.identityDir, testToken, 1)
	config, err := boot.LoadConfig(a.identityDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(a.root, "work"), 0o755); err != nil {
		t.Fatal(err)
	}
	identity := boot.NewIdentity(a.identityDir, config, func(*boot.Config) {})
	a.table = process.NewTable(process.Options{
		Reaper: reaper, Events: a.events, Root: a.root, WorkingDir: "/work", LogBudgetBytes: 4 << 20,
		Journal: a.journal,
	})
	a.serve(identity)
	return a
}

func (a *agent) serve(identity *boot.Identity) {
	supervisor := supervise.New(a.table)
	a.t.Cleanup(supervisor.Close)
	accounts, files := account.NewDirectory(a.root, "root"), file.NewSystem(a.root, "/work")
	terminals := terminal.NewSessions(a.table)
	server := NewServer(Options{
		Terminals:  terminals,
		Supervisor: supervisor,
		Identity:   identity, Accounts: accounts, Table: a.table,
		Files: files, Events: a.events, Journal: a.journal, StartedAt: time.Now(),
		Patience: patience,
		Sandbox: blaxel.NewServer(blaxel.Options{
			Accounts: accounts, Table: a.table, Supervisor: supervisor, Files: files, Hub: a.events,
			Terminals: terminals,
			Root:      a.root, WorkingDir: "/work", StartedAt: time.Now(), Patience: patience,
		}),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	a.address = listener.Addr().String()
	go func() { _ = server.Serve(Guard(listener, identity)) }()
	a.t.Cleanup(func() {
		_ = server.Close()
		a.table.KillAll()
	})
}

func (a *agent) request(ctx context.Context, method, path string, body io.Reader) *http.Response {
	a.t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.address+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("X-Atoll-Token", testToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (a *agent) call(method, path, body string) (int, string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 20*time.Second)
	defer cancel()
	response := a.request(ctx, method, path, strings.NewReader(body))
	content, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(content))
}

func (a *agent) expectError(method, path, body string, status int, code string) {
	a.t.Helper()
	gotStatus, content := a.call(method, path, body)
	var failure struct{ Error, Code string }
	if err := json.Unmarshal([]byte(content), &failure); err != nil {
		a.t.Errorf("%s %s %s: %d %q", method, path, body, gotStatus, content)
	}
	if gotStatus != status || failure.Code != code || failure.Error == "" {
		a.t.Errorf("%s %s %.80s: got %d %s, want %d %s", method, path, body, gotStatus, content, status, code)
	}
}

// readEvent reads the data of the next server-sent event.
func readEvent(t *testing.T, reader *bufio.Reader) map[string]any {
	t.Helper()
	for {
		text, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, found := strings.CutPrefix(text, "data: "); found {
			var value map[string]any
			if err := json.Unmarshal([]byte(data), &value); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			return value
		}
	}
}
