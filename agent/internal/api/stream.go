package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/ring"
)

// keepAliveInterval is how often a silent stream sends a comment.
const keepAliveInterval = 15 * time.Second

// sseWriter sends server-sent events, one write per batch.
type sseWriter struct {
	w          http.ResponseWriter
	controller *http.ResponseController
	buffer     []byte
	// patience is how long one piece may be on its way to the client; 0 is any time.
	patience time.Duration
}

func startStream(w http.ResponseWriter) *sseWriter {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return &sseWriter{w: w, controller: http.NewResponseController(w)}
}

func (s *sseWriter) add(text string) { s.buffer = append(s.buffer, text...) }

func (s *sseWriter) send() error {
	if s.patience > 0 {
		_ = s.controller.SetWriteDeadline(time.Now().Add(s.patience))
		defer func() { _ = s.controller.SetWriteDeadline(time.Time{}) }()
	}
	_, err := s.w.Write(s.buffer)
	s.buffer = s.buffer[:0]
	if err != nil {
		return err
	}
	return s.controller.Flush()
}

// end leaves the last events to the end of the answer, so that both go out in one piece.
func (s *sseWriter) end() { _, _ = s.w.Write(s.buffer) }

// copyLog sends the records that wanted accepts until the log ends.
func (s *sseWriter) copyLog(ctx context.Context, reader *ring.Reader, wanted byte, prefix string) error {
	for {
		batch, err := nextOrIdle(ctx, reader)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			s.add(": keep-alive\n\n")
		case err != nil:
			return err
		}
		for _, record := range batch {
			if wanted == 0 || record.Stream == wanted {
				s.addRecord(prefix, record)
			}
		}
		if len(s.buffer) > 0 {
			if err := s.send(); err != nil {
				return err
			}
		}
	}
}

func nextOrIdle(ctx context.Context, reader *ring.Reader) ([]ring.Record, error) {
	idle, cancel := context.WithTimeout(ctx, keepAliveInterval)
	defer cancel()
	return reader.Next(idle)
}

func (s *sseWriter) addRecord(prefix string, record ring.Record) {
	s.add(prefix)
	s.add(`data: {"line":`)
	s.buffer = appendJSONString(s.buffer, record.Text)
	s.add(`,"timestamp":`)
	s.buffer = appendInt(s.buffer, record.TimestampMs)
	s.add(`,"stream":"` + streamName(record.Stream) + "\"}\n\n")
}

func streamName(stream byte) string {
	if stream == process.StreamStderr {
		return "stderr"
	}
	return "stdout"
}
