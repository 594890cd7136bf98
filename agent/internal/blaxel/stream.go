package blaxel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
)

const (
	execKeepAlive = 5 * time.Second
	logsKeepAlive = 30 * time.Second
)

// lineWriter sends lines, one write for each batch.
type lineWriter struct {
	w          http.ResponseWriter
	controller *http.ResponseController
	buffer     []byte
	// patience is how long one piece may be on its way to the client; 0 is any time.
	patience time.Duration
}

func startStream(w http.ResponseWriter, contentType string) *lineWriter {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	stream := &lineWriter{w: w, controller: http.NewResponseController(w)}
	_ = stream.controller.Flush()
	return stream
}

func (l *lineWriter) line(text string) { l.buffer = append(append(l.buffer, text...), '\n') }

// event adds one line of the stream of an execution.
func (l *lineWriter) event(kind, data string) {
	encoded, _ := json.Marshal(map[string]string{"type": kind, "data": data})
	l.line(string(encoded))
}

func (l *lineWriter) send() error {
	if len(l.buffer) == 0 {
		return nil
	}
	if l.patience > 0 {
		_ = l.controller.SetWriteDeadline(time.Now().Add(l.patience))
		defer func() { _ = l.controller.SetWriteDeadline(time.Time{}) }()
	}
	_, err := l.w.Write(l.buffer)
	l.buffer = l.buffer[:0]
	if err != nil {
		return err
	}
	return l.controller.Flush()
}

// follow hands every line to add until the log ends; idle is called when nothing came for a while. After each batch
// comes send, whose error ends it. nil is the end of the log.
func follow(
	ctx context.Context, reader *ring.Reader, pause time.Duration,
	idle func(), add func(stderr bool, text string), send func() error,
) error {
	for {
		batch, err := nextWithin(ctx, reader, pause)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			idle()
		case err != nil:
			return err
		}
		for _, record := range batch {
			add(record.Stream == process.StreamStderr, string(record.Text))
		}
		if err := send(); err != nil {
			return err
		}
	}
}

func nextWithin(ctx context.Context, reader *ring.Reader, pause time.Duration) ([]ring.Record, error) {
	limited, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	return reader.Next(limited)
}
