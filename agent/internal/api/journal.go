package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"atoll.dev/agent/internal/journal"
)

// maxIntroduced is how many processes a stream remembers to have introduced.
const maxIntroduced = 1000

type journalRoutes struct {
	journal *journal.Journal
}

// stream sends the lines of all processes as NDJSON: first a line that names the journal, then what is kept beyond
// ?after= of the journal that the reader has ?seen=, then what comes, unless ?follow=false. An empty object is a sign of
// life. A slow reader loses lines, which the numbers show, and holds nobody back.
func (j *journalRoutes) stream(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	seen, _ := strconv.ParseUint(query.Get("after"), 10, 64)
	id, after := j.journal.Start(query.Get("seen"), seen)
	out := &journalWriter{lines: newLineWriter(w), introduced: map[*journal.Source]struct{}{}}
	_ = out.lines.object().text("journal", id).number("after", int64(after)).end()
	if out.lines.flush() != nil {
		return nil
	}
	read := j.readOrAlive
	if query.Get("follow") == "false" {
		read = j.readKept
	}
	for {
		batch, err := read(r.Context(), after)
		if err != nil || out.send(batch) != nil {
			return nil
		}
		if len(batch) > 0 {
			after = batch[len(batch)-1].Seq
		}
	}
}

// readOrAlive comes back without lines when none came for a while.
func (j *journalRoutes) readOrAlive(request context.Context, after uint64) ([]journal.Line, error) {
	ctx, cancel := context.WithTimeout(request, aliveInterval)
	defer cancel()
	batch, err := j.journal.Read(ctx, after)
	if err != nil && request.Err() == nil {
		return nil, nil
	}
	return batch, err
}

// readKept fails when there is nothing more.
func (j *journalRoutes) readKept(_ context.Context, after uint64) ([]journal.Line, error) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return j.journal.Read(ended, after)
}

// journalWriter says what a process is with the first of its lines.
type journalWriter struct {
	lines      *lineWriter
	introduced map[*journal.Source]struct{}
}

func (w *journalWriter) send(batch []journal.Line) error {
	if len(batch) == 0 {
		_ = w.lines.object().end()
	}
	for _, line := range batch {
		if err := w.sendLine(line); err != nil {
			return err
		}
	}
	return w.lines.flush()
}

func (w *journalWriter) sendLine(line journal.Line) error {
	source := line.Source
	w.lines.object().number("seq", int64(line.Seq)).number("at", line.TimestampNs/int64(time.Millisecond))
	w.lines.text("process", source.ID).number("stream", int64(line.Stream)).text("text", line.Text)
	if line.Cut {
		w.lines.flag("cut", true)
	}
	w.introduce(source)
	return w.lines.end()
}

func (w *journalWriter) introduce(source *journal.Source) {
	if _, known := w.introduced[source]; known {
		return
	}
	if len(w.introduced) >= maxIntroduced {
		clear(w.introduced)
	}
	w.introduced[source] = struct{}{}
	w.lines.number("pid", int64(source.PID)).text("command", source.Command)
	if source.ManagedID != "" {
		w.lines.text("managed_id", source.ManagedID).text("managed_name", source.ManagedName)
	}
}
