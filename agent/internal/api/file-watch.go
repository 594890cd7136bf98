package api

import (
	"context"
	"errors"
	"net/http"

	"atoll.dev/agent/internal/file"
)

// watch answers a line for each change until the folder or the client goes. The first line says that the
// watch stands; silence is filled with lines that say `alive`.
func (f *fileRoutes) watch(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	recursive := q.flag("recursive")
	var globs file.Globs
	if patterns := q.list("exclude"); len(patterns) > 0 {
		if globs, err = file.CompileGlobs(patterns); err != nil {
			return invalid(err.Error())
		}
	}
	if q.err != nil {
		return q.err
	}
	watch, err := f.files.Watch(credential, q.text("path"), recursive, globs)
	if err != nil {
		return fileFailure(q.text("path"), err)
	}
	defer watch.Close()
	return sendChanges(r.Context(), newLineWriter(w), watch)
}

func sendChanges(ctx context.Context, line *lineWriter, watch *file.Watch) error {
	_ = line.object().text("op", "ready").end()
	for {
		if err := line.flush(); err != nil {
			return nil
		}
		changes, more := nextChanges(ctx, watch)
		if !more || ctx.Err() != nil {
			return nil
		}
		if len(changes) == 0 {
			_ = line.object().text("op", "alive").end()
		}
		for _, change := range changes {
			if err := addChange(line, change); err != nil {
				return nil
			}
		}
	}
}

// nextChanges returns none when nothing happened for a while.
func nextChanges(ctx context.Context, watch *file.Watch) ([]file.Change, bool) {
	idle, cancel := context.WithTimeoutCause(ctx, keepAliveInterval, errIdle)
	defer cancel()
	return watch.Next(idle)
}

var errIdle = errors.New("idle")

func addChange(line *lineWriter, change file.Change) error {
	line.object().text("op", string(change.Op)).path("path", change.Path)
	if change.IsDir {
		line.flag("is_dir", true)
	}
	if change.To != "" {
		line.path("to", change.To)
	}
	if change.Reason != "" {
		line.text("reason", change.Reason)
	}
	return line.end()
}
