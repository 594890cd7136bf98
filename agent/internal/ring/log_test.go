package ring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

func line(text string) Record { return Record{TimestampMs: 1, Stream: 1, Text: []byte(text)} }

func texts(records []Record) (out []string) {
	for _, record := range records {
		out = append(out, string(record.Text))
	}
	return out
}

func TestOldestLinesAreDroppedWithoutReaders(t *testing.T) {
	log := NewLog(1 << 10)
	for index := range 1000 {
		log.Append(line(fmt.Sprintf("line %04d", index)))
	}
	lines := texts(log.Lines())
	if len(lines) != (1<<10)/(headerBytes+9) || lines[len(lines)-1] != "line 0999" {
		t.Fatalf("kept %d lines, last %q", len(lines), lines[len(lines)-1])
	}
	if log.SizeBytes() > 1<<10 {
		t.Fatalf("holds %d bytes", log.SizeBytes())
	}
}

func TestALiveReaderMissesNothingAndHoldsBackTheWriter(t *testing.T) {
	log := NewLog(1 << 10)
	reader := log.NewReader()
	defer reader.Close()
	const count = 5000
	go func() {
		for index := range count {
			log.Append(line(fmt.Sprint(index)))
		}
		log.Close()
	}()
	next := 0
	for {
		batch, err := reader.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		for _, record := range batch {
			if string(record.Text) != fmt.Sprint(next) {
				t.Fatalf("got %s, want %d", record.Text, next)
			}
			next++
		}
	}
	if next != count || log.SizeBytes() > 1<<10 {
		t.Fatalf("read %d lines, log holds %d bytes", next, log.SizeBytes())
	}
}

func TestAStalledReaderThatLeavesReleasesTheWriter(t *testing.T) {
	log := NewLog(1 << 10)
	reader := log.NewReader()
	written := make(chan struct{})
	go func() {
		for range 500 {
			log.Append(line("some text"))
		}
		close(written)
	}()
	select {
	case <-written:
		t.Fatal("the writer was not held back")
	case <-time.After(50 * time.Millisecond):
	}
	reader.Close()
	select {
	case <-written:
	case <-time.After(5 * time.Second):
		t.Fatal("the writer was not released")
	}
}

func TestLinesAfterCloseReachNoReaderAndHoldNobodyBack(t *testing.T) {
	log := NewLog(1 << 10)
	reader := log.NewReader()
	defer reader.Close()
	log.Append(line("before"))
	log.Close()
	for range 500 {
		log.Append(line("after"))
		if batch, err := reader.Next(t.Context()); err == nil && string(batch[0].Text) == "after" {
			t.Fatal("the reader saw a line from after the end")
		}
	}
	if _, err := reader.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want EOF", err)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	log := NewLog(1 << 10)
	reader := log.NewReader()
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := reader.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestARecordLargerThanTheLimitIsKeptAlone(t *testing.T) {
	ring := New(1 << 10)
	ring.Append(line("small"))
	big := bytes.Repeat([]byte("x"), 5000)
	ring.Append(Record{Text: big})
	record, next := ring.At(ring.First())
	if !bytes.Equal(record.Text, big) || next != ring.Next() {
		t.Fatalf("kept %d bytes", len(record.Text))
	}
	ring.Append(line("small again"))
	if record, _ := ring.At(ring.First()); string(record.Text) != "small again" || ring.SizeBytes() > 1<<10 {
		t.Fatalf("kept %q in %d bytes", record.Text, ring.SizeBytes())
	}
}
