package file

import (
	"strconv"
	"testing"
)

func TestAReaderThatFallsBehindIsToldThatChangesAreMissing(t *testing.T) {
	queue := newChangeQueue()
	for number := range maxQueuedChanges + 10 {
		queue.push(Change{Op: OpWrite, Path: strconv.Itoa(number)})
	}
	changes, more := queue.next(t.Context())
	if len(changes) != maxQueuedChanges+1 || changes[maxQueuedChanges].Op != OpOverflow || !more {
		t.Fatalf("got %d", len(changes))
	}
	queue.push(Change{Op: OpWrite, Path: "later"})
	queue.push(Change{Op: OpWrite, Path: "later"})
	if changes, _ := queue.next(t.Context()); len(changes) != 1 || changes[0].Path != "later" {
		t.Fatalf("got %v", changes)
	}
	queue.close()
	if changes, more := queue.next(t.Context()); len(changes) != 0 || more {
		t.Fatal("a closed queue goes on")
	}
}
