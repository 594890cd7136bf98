package file

import (
	"context"
	"sync"
)

// maxQueuedChanges is how far a reader of a watch may fall behind.
const maxQueuedChanges = 4096

// changeQueue holds what a slow reader has not read. Full, it forgets what comes and says so once.
type changeQueue struct {
	mu       sync.Mutex
	changes  []Change
	overflew bool
	closed   bool
	// changed has room for one: a reader that is busy looks again.
	changed chan struct{}
}

func newChangeQueue() *changeQueue {
	return &changeQueue{changed: make(chan struct{}, 1)}
}

func (q *changeQueue) push(change Change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(q.changes) - 1
	switch {
	case last >= 0 && q.changes[last] == change:
		// A writer that writes piece by piece is told of once.
		return
	case q.overflew || len(q.changes) >= maxQueuedChanges:
		q.overflew = true
	default:
		q.changes = append(q.changes, change)
	}
	q.wake()
}

func (q *changeQueue) overflow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.overflew = true
	q.wake()
}

func (q *changeQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *changeQueue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// next has one reader. Without changes it is the end, or the end of the context.
func (q *changeQueue) next(ctx context.Context) ([]Change, bool) {
	for {
		if changes, ended := q.take(); len(changes) > 0 || ended {
			return changes, !ended || len(changes) > 0
		}
		select {
		case <-q.changed:
		case <-ctx.Done():
			return nil, true
		}
	}
}

func (q *changeQueue) take() ([]Change, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	changes := q.changes
	q.changes = nil
	if q.overflew {
		q.overflew = false
		changes = append(changes, Change{Op: OpOverflow, Path: "."})
	}
	return changes, q.closed
}
