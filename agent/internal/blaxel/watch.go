package blaxel

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"atoll.dev/agent/internal/file"
)

const watchKeepAlive = 30 * time.Second

// changeView is an event of a watch as the wire has it.
type changeView struct {
	Op    string  `json:"op"`
	Name  string  `json:"name"`
	Path  string  `json:"path"`
	Error *string `json:"error"`
}

var changeNames = map[file.Op]string{
	file.OpCreate: "CREATE", file.OpWrite: "WRITE", file.OpAttributes: "CHMOD", file.OpRename: "RENAME", file.OpRemove: "REMOVE",
}

// watchFolder tells what happens in a folder until the client leaves; a path that ends with /** means all below it too.
// A file is watched through its folder.
func (s *Server) watchFolder(w http.ResponseWriter, r *request, at string) error {
	folder, isDeep := strings.CutSuffix(at, "/**")
	if folder == "" {
		folder = "/"
	}
	only := ""
	info, err := s.options.Files.Stat(s.user(), folder, true)
	if err != nil {
		return err
	}
	if info.Type != file.TypeDirectory {
		folder, only = path.Dir(folder), path.Base(folder)
	}
	ignored := commaList(r.URL.Query().Get("ignore"))
	notEntered, err := globsOf(ignored)
	if err != nil {
		return err
	}
	watch, err := s.options.Files.Watch(s.user(), folder, isDeep, notEntered)
	if errors.Is(err, file.ErrTooManyWatches) {
		return fileFailure(err)
	}
	if err != nil {
		return err
	}
	defer watch.Close()
	one := watcher{folder: folder, only: only, ignored: ignored}
	one.tell(r.Context(), startStream(w, "application/x-ndjson"), watch)
	return nil
}

// globsOf are the names with these parts: folders of such names are not even entered. No globs at all would fit all.
func globsOf(parts []string) (file.Globs, error) {
	var patterns []string
	for _, part := range parts {
		if !strings.Contains(part, "/") {
			patterns = append(patterns, "*"+globSigns.ReplaceAllString(part, `\\$0`)+"*")
		}
	}
	if len(patterns) == 0 {
		return nil, nil
	}
	return file.CompileGlobs(patterns)
}

var globSigns = regexp.MustCompile(`[\\*?\[\]{},]`)

type watcher struct {
	folder string
	// only is the name of the one file that is watched, else empty.
	only string
	// ignored are parts of paths.
	ignored []string
}

func (o watcher) tell(ctx context.Context, stream *lineWriter, watch *file.Watch) {
	for {
		changes, more := changesWithin(ctx, watch, watchKeepAlive)
		if !more || ctx.Err() != nil {
			return
		}
		if len(changes) == 0 {
			stream.line("[keepalive]")
		}
		for _, change := range changes {
			for _, view := range o.views(change) {
				encoded, _ := json.Marshal(view)
				stream.line(string(encoded))
			}
		}
		if stream.send() != nil {
			return
		}
	}
}

var errIdle = errors.New("idle")

func changesWithin(ctx context.Context, watch *file.Watch, pause time.Duration) ([]file.Change, bool) {
	limited, cancel := context.WithTimeoutCause(ctx, pause, errIdle)
	defer cancel()
	return watch.Next(limited)
}

// views is what the wire has for a change: a rename within the tree is the end of one name and the beginning of another.
func (o watcher) views(change file.Change) (views []changeView) {
	switch change.Op {
	case file.OpOverflow:
		return []changeView{o.trouble(".", "changes came faster than they were read: some are missing")}
	case file.OpUnwatched:
		return []changeView{o.trouble(change.Path, "not watched: "+change.Reason)}
	}
	if view := o.view(changeNames[change.Op], change.Path); o.tells(view) {
		views = append(views, view)
	}
	if change.To == "" {
		return views
	}
	if view := o.view("CREATE", change.To); o.tells(view) {
		views = append(views, view)
	}
	return views
}

func (o watcher) view(op, at string) changeView {
	full := path.Join(o.folder, at)
	return changeView{Op: op, Name: path.Base(full), Path: path.Dir(full)}
}

func (o watcher) trouble(at, reason string) changeView {
	view := o.view("", at)
	view.Error = &reason
	return view
}

func (o watcher) tells(view changeView) bool {
	if o.only != "" && view.Name != o.only {
		return false
	}
	full := path.Join(view.Path, view.Name)
	for _, part := range o.ignored {
		if strings.Contains(full, part) {
			return false
		}
	}
	return true
}
