// Package journal keeps the newest output lines of all processes of the sandbox, numbered, in bounded memory.
package journal

import (
	"context"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// maxLineBytes is where a line is cut.
	maxLineBytes = 16 << 10
	// lineCostBytes is what a line takes besides its text, so that empty ones are bounded too.
	lineCostBytes = 96
	// batchBytes bounds what one call of Read hands out.
	batchBytes = 64 << 10
)

// Source is a process that writes lines.
type Source struct {
	// ID names the process among all that this sandbox has or had.
	ID      string
	PID     int
	Command string
	// ManagedID and ManagedName are empty for processes that nobody starts again.
	ManagedID   string
	ManagedName string
}

// Line is one line of output.
type Line struct {
	// Seq counts from 1. A gap between two lines that are read is what was dropped.
	Seq         uint64
	TimestampNs int64
	Source      *Source
	Stream      byte
	Text        string
	// Cut tells that the line was longer.
	Cut bool
}

// Journal is written by every process and never makes one wait: the oldest lines go, read or not.
type Journal struct {
	limit int

	mu    sync.Mutex
	lines []Line
	size  int
	last  uint64
	// id says whose lines those beyond start are: memory that becomes another sandbox, or that is taken back to an
	// earlier moment, brings lines along that were another's.
	id    string
	start uint64
	// changed is closed at the next line while somebody waits; nil while nobody does.
	changed chan struct{}
}

// New makes a journal of at most limit bytes with a name for its lines.
func New(limit int, id string) *Journal { return &Journal{limit: limit, id: id} }

// Begin gives the lines from now on another name; the same name again changes nothing.
func (j *Journal) Begin(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if id != j.id {
		j.id, j.start = id, j.last
	}
}

// Append numbers a line and keeps a copy of its text.
func (j *Journal) Append(source *Source, stream byte, text []byte) {
	kept := cutAt(text, maxLineBytes)
	line := Line{
		TimestampNs: time.Now().UnixNano(), Source: source, Stream: stream,
		Text: string(kept), Cut: len(kept) < len(text),
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	line.Seq = j.last
	j.lines = append(j.lines, line)
	j.size += cost(line)
	j.evictLocked()
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// Last is the number of the newest line, 0 before the first.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Start is the name of the lines and where a reader goes on that has seen `after` of those called id. Who has seen
// others, or a number that was never given, has seen none of these.
func (j *Journal) Start(id string, after uint64) (current string, from uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if id != j.id || after > j.last {
		return j.id, j.start
	}
	return j.id, max(after, j.start)
}

// Read returns the oldest kept lines beyond after, or waits for one. Its error is that of the context.
func (j *Journal) Read(ctx context.Context, after uint64) ([]Line, error) {
	for {
		batch, changed := j.take(after)
		if len(batch) > 0 {
			return batch, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take decides and registers in one step, so that no line falls between the look and the wait.
func (j *Journal) take(after uint64) ([]Line, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if after >= j.last {
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		return nil, j.changed
	}
	first := j.last - uint64(len(j.lines))
	start := int(max(after, first) - first)
	end, taken := start, 0
	for end < len(j.lines) && taken < batchBytes {
		taken += cost(j.lines[end])
		end++
	}
	return append([]Line(nil), j.lines[start:end]...), nil
}

// evictLocked clears what it lets go of: the array lives on until append moves to a new one.
func (j *Journal) evictLocked() {
	for j.size > j.limit && len(j.lines) > 1 {
		j.size -= cost(j.lines[0])
		j.lines[0] = Line{}
		j.lines = j.lines[1:]
	}
}

func cost(line Line) int { return lineCostBytes + len(line.Text) }

// cutAt shortens text to limit, never inside a UTF-8 sequence.
func cutAt(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
