// Package event spreads what happens in the sandbox to the server's event streams.
package event

import "sync"

// subscriberBuffer is how far a reader may fall behind before it is dropped.
const subscriberBuffer = 256

// Event is one line of the stream. Unset fields are left out.
type Event struct {
	Event       string `json:"event"`
	SandboxID   string `json:"sandboxId,omitempty"`
	Incarnation int64  `json:"incarnation,omitempty"`
	Generation  int    `json:"generation,omitempty"`
	TimestampMs int64  `json:"timestamp"`
	Handle      int64  `json:"handle,omitempty"`
	PID         int    `json:"pid,omitempty"`
	ExitCode    *int   `json:"exitCode,omitempty"`
	Signal      *int   `json:"signal,omitempty"`
	OomKilled   *bool  `json:"oomKilled,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Detail      string `json:"detail,omitempty"`
	Held        *bool  `json:"held,omitempty"`
}

// Hub has no goroutine of its own: Publish never waits, and closes the stream of a reader that is full.
type Hub struct {
	mu          sync.Mutex
	subscribers map[chan Event]struct{}
}

// NewHub makes a hub without subscribers.
func NewHub() *Hub {
	return &Hub{subscribers: map[chan Event]struct{}{}}
}

// Subscribe returns a stream that is closed when its reader is too slow, and a function that ends it.
func (h *Hub) Subscribe() (<-chan Event, func()) {
	stream := make(chan Event, subscriberBuffer)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[stream] = struct{}{}
	return stream, func() { h.drop(stream) }
}

// Publish hands an event to all subscribers.
func (h *Hub) Publish(event Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for stream := range h.subscribers {
		select {
		case stream <- event:
		default:
			delete(h.subscribers, stream)
			close(stream)
		}
	}
}

func (h *Hub) drop(stream chan Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, subscribed := h.subscribers[stream]; subscribed {
		delete(h.subscribers, stream)
		close(stream)
	}
}
