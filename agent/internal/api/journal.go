package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"atoll.dev/agent/internal/journal"
)

type journalRoutes struct {
	journal *journal.Journal
}

// stream sends the lines of all processes beyond ?after= as NDJSON, first those that are kept, then live. An empty
// object is a sign of life. A slow reader loses lines, which the numbers show, and holds nobody back.
func (j *journalRoutes) stream(w http.ResponseWriter, r *http.Request) error {
	asked, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	after := j.journal.Start(asked)
	lines := newLineWriter(w)
	if lines.flush() != nil {
		return nil
	}
	for r.Context().Err() == nil {
		batch, err := j.read(r.Context(), after)
		if err != nil {
			return nil
		}
		for _, line := range batch {
			after = line.Seq
			if sendLine(lines, line) != nil {
				return nil
			}
		}
		if len(batch) == 0 && lines.object().end() != nil {
			return nil
		}
		if lines.flush() != nil {
			return nil
		}
	}
	return nil
}

// read comes back without lines when none came for a while.
func (j *journalRoutes) read(request context.Context, after uint64) ([]journal.Line, error) {
	ctx, cancel := context.WithTimeout(request, aliveInterval)
	defer cancel()
	batch, err := j.journal.Read(ctx, after)
	if err != nil && request.Err() == nil {
		return nil, nil
	}
	return batch, err
}

func sendLine(lines *lineWriter, line journal.Line) error {
	lines.object().number("seq", int64(line.Seq)).number("timestamp_ms", line.TimestampNs/int64(time.Millisecond))
	lines.number("handle", line.Handle).number("pid", int64(line.PID)).number("stream", int64(line.Stream))
	lines.text("text", line.Text)
	if line.Cut {
		lines.flag("cut", true)
	}
	return lines.end()
}
