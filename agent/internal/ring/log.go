package ring

import (
	"context"
	"io"
	"sync"
)

// batchBytes bounds what one Next call of a reader copies out.
const batchBytes = 64 << 10

// Log is a ring with live readers. A record that a reader has not seen is not dropped: Append waits for
// that reader, so the ring itself is the bounded queue between a process and a slow follower. Without
// readers Append never waits.
type Log struct {
	mu      sync.Mutex
	ring    *Ring
	readers map[*Reader]struct{}
	// changed is closed at each change while somebody waits; nil while nobody does.
	changed chan struct{}
	closed  bool
	end     uint64
	dropped bool
}

// NewLog makes a log whose ring holds at most limit bytes.
func NewLog(limit int) *Log {
	return &Log{ring: New(limit), readers: map[*Reader]struct{}{}}
}

// Append adds a record once the slowest reader permits.
func (l *Log) Append(record Record) {
	l.mu.Lock()
	for !l.dropped && l.pinnedBelow(l.ring.EvictedBy(len(record.Text))) {
		l.waitLocked()
	}
	if !l.dropped {
		l.ring.Append(record)
	}
	l.wakeLocked()
	l.mu.Unlock()
}

// AppendNow adds a record at once. A reader that is a whole ring behind loses its oldest records to it: who must not
// wait for readers says little, and seldom.
func (l *Log) AppendNow(record Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dropped {
		l.ring.Append(record)
	}
	l.wakeLocked()
}

// Close marks the end that readers see. Later records are kept for Lines, but nobody is made to wait.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed, l.end = true, l.ring.Next()
	}
	l.ring.Compact()
	l.wakeLocked()
}

// Drop frees the memory; readers see the end.
func (l *Log) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = true
	l.ring.Drop()
	l.wakeLocked()
}

// SizeBytes is the memory that the log holds on to.
func (l *Log) SizeBytes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ring.SizeBytes()
}

// Closed tells whether readers have come, or come, to an end.
func (l *Log) Closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Lines copies all records that are still there.
func (l *Log) Lines() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var records []Record
	for position := l.ring.First(); position < l.ring.Next(); {
		var record Record
		record, position = l.ring.At(position)
		records = append(records, record)
	}
	return records
}

func (l *Log) pinnedBelow(position uint64) bool {
	for reader := range l.readers {
		if reader.position < position && !l.exhausted(reader) {
			return true
		}
	}
	return false
}

func (l *Log) exhausted(reader *Reader) bool {
	return l.dropped || (l.closed && reader.position >= l.end)
}

func (l *Log) waitLocked() {
	changed := l.changedLocked()
	l.mu.Unlock()
	<-changed
	l.mu.Lock()
}

func (l *Log) changedLocked() chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

func (l *Log) wakeLocked() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Reader replays a log from its oldest record and then follows it live.
type Reader struct {
	log      *Log
	position uint64
}

// NewReader starts at the oldest record. It must be closed, or the process that writes will wait for it.
func (l *Log) NewReader() *Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	reader := &Reader{log: l, position: l.ring.First()}
	l.readers[reader] = struct{}{}
	return reader
}

// Next returns the records that are there, or waits for the first one. io.EOF is the end of the log.
func (r *Reader) Next(ctx context.Context) ([]Record, error) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if batch := r.takeLocked(); len(batch) > 0 {
			l.wakeLocked()
			return batch, nil
		}
		if l.closed || l.dropped {
			return nil, io.EOF
		}
		if err := r.waitLocked(ctx); err != nil {
			return nil, err
		}
	}
}

func (r *Reader) waitLocked(ctx context.Context) error {
	changed := r.log.changedLocked()
	r.log.mu.Unlock()
	defer r.log.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Reader) takeLocked() []Record {
	ring := r.log.ring
	r.position = max(r.position, ring.First())
	end := ring.Next()
	if r.log.closed {
		end = min(end, r.log.end)
	}
	var batch []Record
	for taken := 0; r.position < end && taken < batchBytes; {
		var record Record
		record, r.position = ring.At(r.position)
		batch = append(batch, record)
		taken += headerBytes + len(record.Text)
	}
	return batch
}

// Close lets go of the records that this reader holds back.
func (r *Reader) Close() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	delete(r.log.readers, r)
	r.log.wakeLocked()
}
