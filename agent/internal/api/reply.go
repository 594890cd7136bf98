// Package api is the agent's HTTP surface: the data plane of the wire, and the server's own routes.
package api

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"time"
)

const (
	// maxJSONBytes bounds every JSON request body, maxJSONTime how long it may take to arrive.
	maxJSONBytes = 1 << 20
	maxJSONTime  = 30 * time.Second
)

// failure is an error as the wire shows it.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.message }

func invalid(message string) *failure {
	return &failure{http.StatusBadRequest, "INVALID_REQUEST", message}
}

// handler is a route: what it returns as an error is written by handle.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle writes the error of a route and keeps a defect in one request from ending the sandbox.
func handle(route handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer recoverRequest(w, r)
		if err := route(w, r); err != nil {
			writeFailure(w, r, err)
		}
	}
}

func recoverRequest(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	log.Printf("%s %s: panic: %v", r.Method, r.URL.Path, cause)
	writeFailure(w, r, &failure{http.StatusInternalServerError, "INTERNAL_ERROR", "internal"})
}

func writeFailure(w http.ResponseWriter, r *http.Request, err error) {
	var known *failure
	if !errors.As(err, &known) {
		if r.Context().Err() != nil {
			return
		}
		log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
		known = &failure{http.StatusInternalServerError, "INTERNAL_ERROR", err.Error()}
	}
	writeJSON(w, known.status, map[string]string{"error": known.message, "code": known.code})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
}

// readJSON reads one JSON value of the right types; unknown fields are ignored.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(maxJSONTime))
	defer func() { _ = controller.SetReadDeadline(time.Time{}) }()
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSONBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &failure{http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "request body is larger than 1 MiB"}
	}
	if err != nil {
		return invalid("request body ended early")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return invalid("invalid request body: " + err.Error())
	}
	return nil
}
