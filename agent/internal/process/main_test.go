package process

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/event"
	"atoll.dev/agent/internal/reap"
	"atoll.dev/agent/internal/ring"
)

var reaper = reap.New()

func TestMain(m *testing.M) {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	ctx, cancel := context.WithCancel(context.Background())
	go reaper.Run(ctx)
	code := m.Run()
	cancel()
	os.Exit(code)
}

func newTable(t *testing.T) *Table {
	t.Helper()
	table := NewTable(Options{
		Reaper: reaper, Events: event.NewHub(), Root: "/", WorkingDir: t.TempDir(),
		LogBudgetBytes: 4 << 20,
	})
	t.Cleanup(table.KillAll)
	return table
}

func shell(script string) Spec {
	return Spec{Command: "/bin/sh", Args: []string{"-c", script}, Credential: account.Credential{Home: "/"}}
}

type outcome struct {
	process *Process
	stdout  []string
	stderr  []string
	took    time.Duration
}

// runToEnd reads everything a process prints, as run does.
func runToEnd(t *testing.T, table *Table, spec Spec) outcome {
	t.Helper()
	started := time.Now()
	process, reader, err := table.Start(spec, true)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	result := outcome{process: process}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		batch, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		result.collect(batch)
	}
	<-process.Done()
	result.took = time.Since(started)
	return result
}

func (o *outcome) collect(batch []ring.Record) {
	for _, record := range batch {
		if record.Stream == StreamStdout {
			o.stdout = append(o.stdout, string(record.Text))
		} else {
			o.stderr = append(o.stderr, string(record.Text))
		}
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func markedProcesses(word string) int {
	count := 0
	for pid, entry := range scanProc() {
		environ, _ := os.ReadFile("/proc/" + itoa(pid) + "/environ")
		if !entry.zombie && strings.Contains(string(environ), word) {
			count++
		}
	}
	return count
}
