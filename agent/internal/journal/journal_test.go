package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

const readWithin = 30 * time.Second

var someone = &Source{ID: "1", PID: 1}

func read(t *testing.T, journal *Journal, after uint64) []Line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readWithin)
	defer cancel()
	lines, err := journal.Read(ctx, after)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestLinesAreNumberedAndNameTheirProcess(t *testing.T) {
	journal := New(1<<20, "a")
	journal.Append(&Source{PID: 42}, 1, []byte("one"))
	journal.Append(&Source{PID: 43}, 2, []byte("two"))
	lines := read(t, journal, 1)
	if len(lines) != 1 || lines[0].Seq != 2 || lines[0].Source.PID != 43 || lines[0].Text != "two" {
		t.Fatalf("got %+v", lines)
	}
}

func TestTheOldestLinesGoAndLeaveAGapInTheNumbers(t *testing.T) {
	journal := New(4<<10, "a")
	for range 10_000 {
		journal.Append(someone, 1, nil)
	}
	lines := read(t, journal, 5)
	if lines[0].Seq <= 6 || lines[len(lines)-1].Seq != 10_000 {
		t.Fatalf("got %d to %d", lines[0].Seq, lines[len(lines)-1].Seq)
	}
	if journal.size > 4<<10 || len(lines) > (4<<10)/lineCostBytes {
		t.Fatalf("%d bytes in %d lines", journal.size, len(lines))
	}
}

func TestABatchIsBoundedAndTheNextGoesOn(t *testing.T) {
	journal := New(1<<20, "a")
	for index := range 400 {
		journal.Append(someone, 1, []byte(fmt.Sprintf("%04d%s", index, strings.Repeat("x", 1000))))
	}
	var after uint64
	for after < 400 {
		lines := read(t, journal, after)
		if lines[0].Seq != after+1 || len(lines) > batchBytes/1000+1 {
			t.Fatalf("after %d: %d lines from %d", after, len(lines), lines[0].Seq)
		}
		after = lines[len(lines)-1].Seq
	}
}

func TestALongLineIsCutBetweenCharacters(t *testing.T) {
	journal := New(1<<20, "a")
	journal.Append(someone, 1, []byte("x"+strings.Repeat("€", maxLineBytes)))
	line := read(t, journal, 0)[0]
	if !line.Cut || !utf8.ValidString(line.Text) || len(line.Text) > maxLineBytes || len(line.Text) < maxLineBytes-3 {
		t.Fatalf("cut %v at %d", line.Cut, len(line.Text))
	}
}

func TestAReaderGoesOnOnlyInLinesOfTheNameThatItHasSeen(t *testing.T) {
	journal := New(1<<20, "source")
	journal.Append(someone, 1, []byte("old"))
	journal.Begin("copy")
	journal.Begin("copy")
	journal.Append(someone, 1, []byte("new"))
	for name, seen := range map[string]struct {
		id    string
		after uint64
		from  uint64
	}{
		"nothing":              {"", 0, 1},
		"lines of the source":  {"source", 2, 1},
		"lines of this":        {"copy", 2, 2},
		"numbers never given":  {"copy", 99, 1},
		"numbers before these": {"copy", 0, 1},
	} {
		if id, from := journal.Start(seen.id, seen.after); id != "copy" || from != seen.from {
			t.Errorf("who has seen %s goes on in %s from %d", name, id, from)
		}
	}
	if lines := read(t, journal, 1); len(lines) != 1 || lines[0].Text != "new" {
		t.Fatalf("got %+v", lines)
	}
}

func TestAWaitingReaderMissesNothingOfManyWriters(t *testing.T) {
	journal := New(1<<20, "a")
	const writers, each = 8, 200
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for range each {
				journal.Append(someone, 1, []byte("line"))
			}
		})
	}
	var after uint64
	for after < writers*each {
		for _, line := range read(t, journal, after) {
			if line.Seq != after+1 {
				t.Fatalf("%d follows %d", line.Seq, after)
			}
			after = line.Seq
		}
	}
	running.Wait()
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(1<<10, "a").Read(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}
