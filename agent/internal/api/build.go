package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"atoll.dev/agent/internal/build"
)

type buildRoutes struct{ sessions *build.Sessions }

// fetch sends what the builder asks for. When the server leaves before its end, the builder is told.
func (b *buildRoutes) fetch(w http.ResponseWriter, r *http.Request) error {
	id, session, err := b.find(r)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(r.Context(), func() { b.sessions.Close(id) })
	defer stop()
	w.Header().Set("Content-Type", "application/octet-stream")
	err = session.Fetch(w, http.NewResponseController(w).Flush)
	if errors.Is(err, build.ErrTaken) {
		return taken
	}
	if err != nil {
		b.sessions.Close(id)
		// The status is out: only a broken answer still says that the archive is not whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// reply brings the builder its answer, and ends it however this request ends.
func (b *buildRoutes) reply(w http.ResponseWriter, r *http.Request) error {
	id, session, err := b.find(r)
	if err != nil {
		return err
	}
	controller := http.NewResponseController(w)
	err = session.Reply(r.Body, func() { _ = controller.SetReadDeadline(time.Unix(1, 0)) })
	if errors.Is(err, build.ErrTaken) {
		return taken
	}
	b.sessions.Close(id)
	if err != nil {
		return &failure{http.StatusGone, "BUILDER_GONE", "the builder has ended"}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

var taken = &failure{http.StatusConflict, "ALREADY_SERVED", build.ErrTaken.Error()}

func (b *buildRoutes) find(r *http.Request) (int64, *build.Session, error) {
	id, err := strconv.ParseInt(r.PathValue("session"), 10, 64)
	session := b.sessions.Find(id)
	if err != nil || session == nil {
		return 0, nil, &failure{http.StatusNotFound, "NOT_FOUND", "no builder waits under this number"}
	}
	return id, session, nil
}
