package api

import (
	"encoding/json"
	"net/http"
	"time"

	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/event"
)

const aliveInterval = 30 * time.Second

type eventRoutes struct {
	events   *event.Hub
	identity *boot.Identity
}

// stream sends NDJSON until the caller leaves or falls behind.
func (e *eventRoutes) stream(w http.ResponseWriter, r *http.Request) error {
	events, unsubscribe := e.events.Subscribe()
	defer unsubscribe()
	w.Header().Set("Content-Type", "application/x-ndjson")
	send := eventSender(w)
	alive := time.NewTicker(aliveInterval)
	defer alive.Stop()
	next, open := e.hello(), true
	for open && send(next) == nil {
		select {
		case next, open = <-events:
		case <-alive.C:
			next = event.Event{Event: "alive", TimestampMs: time.Now().UnixMilli()}
		case <-r.Context().Done():
			return nil
		}
	}
	return nil
}

func (e *eventRoutes) hello() event.Event {
	config := e.identity.Config()
	return event.Event{
		Event: "hello", TimestampMs: time.Now().UnixMilli(), Generation: Generation,
		SandboxID: config.SandboxID, Incarnation: config.Incarnation,
	}
}

func eventSender(w http.ResponseWriter) func(event.Event) error {
	encoder, controller := json.NewEncoder(w), http.NewResponseController(w)
	return func(e event.Event) error {
		if err := encoder.Encode(e); err != nil {
			return err
		}
		return controller.Flush()
	}
}
