package blaxel

import (
	"sync"
	"time"

	"atoll.dev/agent/internal/event"
)

// Holds counts what keeps the sandbox awake: as long as there is something, the server does not let it stand by.
type Holds struct {
	hub *event.Hub

	mu    sync.Mutex
	count int
}

// NewHolds begins without any.
func NewHolds(hub *event.Hub) *Holds { return &Holds{hub: hub} }

// Add holds the sandbox awake until the function that it returns is called.
func (h *Holds) Add() func() {
	h.change(1)
	return sync.OnceFunc(func() { h.change(-1) })
}

func (h *Holds) change(by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.count > 0
	h.count += by
	if before != (h.count > 0) {
		h.hub.Publish(h.eventLocked())
	}
}

// Event says whether anything holds the sandbox awake now.
func (h *Holds) Event() event.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.eventLocked()
}

func (h *Holds) eventLocked() event.Event {
	held := h.count > 0
	return event.Event{Event: "hold", TimestampMs: time.Now().UnixMilli(), Held: &held}
}
