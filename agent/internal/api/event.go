package api

import (
	"encoding/json"
	"net/http"
	"time"

	"atoll.dev/agent/internal/blaxel"
	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/build"
	"atoll.dev/agent/internal/event"
)

const aliveInterval = 30 * time.Second

type eventRoutes struct {
	events   *event.Hub
	identity *boot.Identity
	builds   *build.Sessions
	holds    *blaxel.Holds
}

// stream sends NDJSON until the caller leaves or falls behind.
func (e *eventRoutes) stream(w http.ResponseWriter, r *http.Request) error {
	events, unsubscribe := e.events.Subscribe()
	defer unsubscribe()
	w.Header().Set("Content-Type", "application/x-ndjson")
	send := eventSender(w)
	alive := time.NewTicker(aliveInterval)
	defer alive.Stop()
	if send(e.hello()) != nil || send(e.holds.Event()) != nil {
		return nil
	}
	for _, waiting := range e.builds.Waiting() {
		if send(waiting) != nil {
			return nil
		}
	}
	return e.follow(r, events, alive.C, send)
}

func (e *eventRoutes) follow(
	r *http.Request, events <-chan event.Event, alive <-chan time.Time, send func(event.Event) error,
) error {
	for {
		var next event.Event
		open := true
		select {
		case next, open = <-events:
		case <-alive:
			next = event.Event{Event: "alive", TimestampMs: time.Now().UnixMilli()}
		case <-r.Context().Done():
			return nil
		}
		if !open || send(next) != nil {
			return nil
		}
	}
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
