package process

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/ring"
)

func itoa(number int) string { return strconv.Itoa(number) }

func TestOutputIsSplitIntoLinesByStream(t *testing.T) {
	got := runToEnd(t, newTable(t), shell(`printf 'a\n\nb'; printf 'err' >&2; exit 3`))
	if !reflect.DeepEqual(got.stdout, []string{"a", "", "b"}) || !reflect.DeepEqual(got.stderr, []string{"err"}) {
		t.Fatalf("got %q and %q", got.stdout, got.stderr)
	}
	state := got.process.Snapshot()
	if state.Status != StatusExited || *state.ExitCode != 3 || state.EndedAt == nil {
		t.Fatalf("got %+v", state)
	}
}

func TestAMissingCommandAndAMissingFolderAreToldApart(t *testing.T) {
	table := newTable(t)
	cases := map[string]Spec{
		"Failed to spawn process: No such file or directory (os error 2)":                          {Command: "no-such-command"},
		"Failed to spawn process: Permission denied (os error 13)":                                 {Command: "/etc/passwd"},
		"Failed to spawn process: working directory /nope: No such file or directory (os error 2)": {Command: "ls", WorkingDir: "/nope"},
		"Failed to spawn process: working directory /etc/passwd: Not a directory (os error 20)":    {Command: "ls", WorkingDir: "/etc/passwd"},
	}
	for want, spec := range cases {
		_, _, err := table.Start(spec, true)
		var spawn *SpawnError
		if !errors.As(err, &spawn) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, total := table.Count(); total != 0 {
		t.Fatalf("%d failed starts are listed", total)
	}
}

func TestTheCommandIsLookedUpInTheProcessesOwnPath(t *testing.T) {
	table := newTable(t)
	runToEnd(t, table, shell(`mkdir bin; echo 'echo found' > bin/tool; chmod +x bin/tool`))
	spec := Spec{Command: "tool", Env: map[string]string{"PATH": "bin:/bin:/usr/bin"}}
	if got := runToEnd(t, table, spec); !reflect.DeepEqual(got.stdout, []string{"found"}) {
		t.Fatalf("a script without a first line printed %q, %q", got.stdout, got.stderr)
	}
}

func TestATimeoutKillsEvenWhatLeftTheSession(t *testing.T) {
	spec := shell(`setsid sleep 300 & sleep 300`)
	spec.Timeout = 200 * time.Millisecond
	got := runToEnd(t, newTable(t), spec)
	if state := got.process.Snapshot(); state.Status != StatusSignaled || *state.Signal != 9 || state.OomKilled {
		t.Fatalf("got %+v", state)
	}
	eventually(t, "a process survived", func() bool { return markedProcesses(got.process.marker) == 0 })
}

func TestKillTreeFindsADaemonAfterItsLeaderEnded(t *testing.T) {
	got := runToEnd(t, newTable(t), shell(`(setsid sleep 300 >/dev/null 2>&1 &) ; true`))
	if markedProcesses(got.process.marker) != 1 {
		t.Fatal("the daemon does not run")
	}
	got.process.KillTree()
	eventually(t, "the daemon survived", func() bool { return markedProcesses(got.process.marker) == 0 })
}

func TestAGrandchildThatHoldsStdoutOpenDelaysTheEndOnlyBriefly(t *testing.T) {
	got := runToEnd(t, newTable(t), shell(`sleep 300 & echo started`))
	if !reflect.DeepEqual(got.stdout, []string{"started"}) || got.took > 2*time.Second {
		t.Fatalf("got %q after %v", got.stdout, got.took)
	}
	if markedProcesses(got.process.marker) != 1 {
		t.Fatal("the background child did not survive")
	}
}

func TestAGrandchildThatKeepsWritingDoesNotHoldUpTheEnd(t *testing.T) {
	got := runToEnd(t, newTable(t), shell(`(while :; do echo tick; sleep 0.02; done) & echo started`))
	if got.took > 3*time.Second {
		t.Fatalf("took %v", got.took)
	}
}

func TestSignalsReachTheWholeGroup(t *testing.T) {
	table := newTable(t)
	process, _, err := table.Start(shell(`sh -c 'trap "exit 7" TERM; sleep 300 & wait' & wait`), false)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the children did not start", func() bool { return markedProcesses(process.marker) == 3 })
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a process survived", func() bool { return markedProcesses(process.marker) == 0 })
	<-process.Done()
	if err := process.Signal(syscall.SIGTERM); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("a signal to an ended process: %v", err)
	}
}

func TestStdinIsWrittenAndClosed(t *testing.T) {
	table := newTable(t)
	spec := Spec{Command: "cat", StdinPipe: true}
	process, _, err := table.Start(spec, false)
	if err != nil {
		t.Fatal(err)
	}
	if !process.Snapshot().StdinWritable {
		t.Fatal("stdin is not writable")
	}
	big := strings.Repeat("0123456789\n", 50_000)
	if err := process.WriteStdin(t.Context(), strings.NewReader(big)); err != nil {
		t.Fatal(err)
	}
	if err := process.CloseStdin(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-process.Done()
	if err := process.WriteStdin(t.Context(), strings.NewReader("x")); !errors.Is(err, ErrStdinNotWritable) {
		t.Fatalf("got %v", err)
	}
	if state := process.Snapshot(); *state.ExitCode != 0 || state.StdinWritable {
		t.Fatalf("got %+v", state)
	}
}

func TestStdinOfOthersIsEmpty(t *testing.T) {
	table := newTable(t)
	if got := runToEnd(t, table, Spec{Command: "cat"}); len(got.stdout) != 0 {
		t.Fatalf("got %q", got.stdout)
	}
	process, _, _ := table.Start(shell("sleep 5"), false)
	if err := process.CloseStdin(t.Context()); !errors.Is(err, ErrStdinNotWritable) {
		t.Fatalf("got %v", err)
	}
}

func TestDiscardedOutputIsNotKept(t *testing.T) {
	spec := shell("echo out; echo err >&2")
	spec.DiscardStdout = true
	got := runToEnd(t, newTable(t), spec)
	if len(got.stdout) != 0 || !reflect.DeepEqual(got.stderr, []string{"err"}) {
		t.Fatalf("got %q, %q", got.stdout, got.stderr)
	}
}

func TestBigOutputReachesAFollowerWholeInConstantMemory(t *testing.T) {
	const totalBytes = 100 << 20
	table := newTable(t)
	process, reader, err := table.Start(shell(`yes `+strings.Repeat("x", 1023)+` | head -c 104857600`), true)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	received, peak := 0, uint64(0)
	for {
		batch, err := reader.Next(t.Context())
		if err != nil {
			break
		}
		for _, record := range batch {
			received += len(record.Text) + 1
		}
		if received%(10<<20) < 64<<10 {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapInuse)
		}
	}
	if received != totalBytes || peak > 32<<20 || process.Log.SizeBytes() > maxLogBytes {
		t.Fatalf("received %d bytes, heap up to %d, log %d", received, peak, process.Log.SizeBytes())
	}
}

func TestBigOutputWithoutAFollowerDoesNotStopTheProcess(t *testing.T) {
	table := newTable(t)
	process, _, err := table.Start(shell(`yes | head -c 10485760`), false)
	if err != nil {
		t.Fatal(err)
	}
	<-process.Done()
	if *process.Snapshot().ExitCode != 0 || process.Log.SizeBytes() > maxLogBytes {
		t.Fatalf("log %d bytes", process.Log.SizeBytes())
	}
}

func TestEndedProcessesAreBounded(t *testing.T) {
	table := newTable(t)
	for range maxEnded + 20 {
		table.RecordFailure(Spec{Command: "x"}, syscall.ENOENT)
	}
	runToEnd(t, table, shell("true"))
	eventually(t, "too many processes are listed", func() bool {
		_, total := table.Count()
		return total == maxEnded
	})
}

func TestOutputOfEndedProcessesStaysInItsBudget(t *testing.T) {
	table := newTable(t)
	for range 8 {
		runToEnd(t, table, shell(`head -c 100000 /dev/zero | tr '\0' '\n'`))
	}
	eventually(t, "the logs are beyond the budget", func() bool {
		total := 0
		for _, entry := range table.List() {
			total += entry.Log.SizeBytes()
		}
		return total <= table.options.LogBudgetBytes
	})
}

func TestAnOomMarkShowsOnlyWhenTheProcessDiedOfIt(t *testing.T) {
	table := newTable(t)
	process, _, _ := table.Start(shell("sleep 300"), false)
	if handle := table.MarkOomKilled(process.PID); handle != process.Handle {
		t.Fatalf("handle %d", handle)
	}
	_ = syscall.Kill(process.PID, syscall.SIGKILL)
	<-process.Done()
	if state := process.Snapshot(); state.Status != StatusOomKilled || !state.OomKilled {
		t.Fatalf("got %+v", state)
	}
	other, _, _ := table.Start(shell("sleep 0.2; exit 4"), false)
	table.MarkOomKilled(other.PID)
	<-other.Done()
	if state := other.Snapshot(); state.Status != StatusExited || state.OomKilled {
		t.Fatalf("got %+v", state)
	}
}

func TestLongLinesAreCutBetweenCharacters(t *testing.T) {
	var pieces []string
	splitter := lineSplitter{limit: 10, emit: func(line []byte, _ bool) { pieces = append(pieces, string(line)) }}
	splitter.feed([]byte("123456789é"))
	splitter.feed([]byte("abc\nshort"))
	splitter.finish()
	if want := []string{"123456789", "éabc", "short"}; !reflect.DeepEqual(pieces, want) {
		t.Fatalf("got %q", pieces)
	}
}

func TestLinesDoNotDependOnHowTheBytesArrive(t *testing.T) {
	input := bytes.Repeat([]byte("line one\n\nline three\n"), 20)
	for size := 1; size < 30; size++ {
		log := ring.NewLog(1 << 20)
		splitter := lineSplitter{limit: 64, emit: func(line []byte, _ bool) { log.Append(ring.Record{Text: line}) }}
		for rest := input; len(rest) > 0; {
			taken := min(size, len(rest))
			splitter.feed(rest[:taken])
			rest = rest[taken:]
		}
		if lines := log.Lines(); len(lines) != 60 || string(lines[59].Text) != "line three" {
			t.Fatalf("%d lines in chunks of %d", len(lines), size)
		}
	}
}

func TestAJournalHasEveryLineOfAProcessThatAFollowerHeldBack(t *testing.T) {
	table := newTable(t)
	table.options.Journal = journal.New(8<<20, "a")
	// Nobody reads what this process prints, so its log is full long before it ends.
	process, reader, err := table.Start(shell("seq -f %0100g 1 30000; echo last >&2"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	eventually(t, "nothing came to the journal", func() bool { return table.options.Journal.Last() > 5000 })
	lines, err := table.options.Journal.Read(t.Context(), 0)
	if err != nil || lines[0].Source.PID != process.PID || lines[0].Stream != StreamStdout {
		t.Fatalf("got %+v, %v", lines[0], err)
	}
	reader.Close()
	<-process.Done()
	if got := table.options.Journal.Last(); got != 30_001 {
		t.Fatalf("%d lines", got)
	}
}
