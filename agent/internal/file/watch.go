package file

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

// Op is what happened.
type Op string

// What a watch tells.
const (
	OpCreate     Op = "create"
	OpWrite      Op = "write"
	OpAttributes Op = "attributes"
	OpRename     Op = "rename"
	OpRemove     Op = "remove"
	// OpOverflow says that changes are missing before this: look at the tree again.
	OpOverflow Op = "overflow"
	// OpUnwatched names a folder whose changes are not told, and why.
	OpUnwatched Op = "unwatched"
)

const (
	// maxWatchedFolders bounds the kernel's memory for one watch.
	maxWatchedFolders = 16_384
	// maxWatches bounds the watches of a sandbox: half of what Linux gives to one user, who has others.
	maxWatches = 64
	// pairWait is how long the second half of a rename may take to come.
	pairWait = 20 * time.Millisecond
)

// Change is one event. Paths are relative to the watched folder; "." is that itself.
type Change struct {
	Op    Op
	Path  string
	IsDir bool
	// To is the new path of a rename within the tree; without it the thing left the tree.
	To string
	// Reason goes with OpUnwatched.
	Reason string
}

// Watch follows a folder until it ends.
type Watch struct {
	changes *changeQueue
	base    string
	isDeep  bool
	exclude Globs
	source  *notifier
	system  *System
	ended   sync.Once
	paths   map[int32]string
	watches map[string]int32
}

// Watch begins to watch a folder and, with recursive, all below it. What fits a pattern of exclude is not told;
// folders that do are not entered. It must be closed.
func (s *System) Watch(as account.Credential, folder string, recursive bool, exclude Globs) (*Watch, error) {
	resolved, err := s.resolve(folder)
	if err != nil {
		return nil, err
	}
	if s.watchCount.Add(1) > maxWatches {
		s.watchCount.Add(-1)
		return nil, ErrTooManyWatches
	}
	source, err := newNotifier()
	if err != nil {
		s.watchCount.Add(-1)
		if errors.Is(err, unix.EMFILE) {
			// The kernel's own limit, for all of a user's processes.
			return nil, ErrTooManyWatches
		}
		return nil, err
	}
	w := &Watch{
		changes: newChangeQueue(), base: resolved, isDeep: recursive, exclude: exclude, source: source, system: s,
		paths: map[int32]string{}, watches: map[string]int32{},
	}
	started := make(chan error)
	go func() {
		defer w.changes.close()
		_ = as.ActAs(func() error {
			err := w.begin()
			started <- err
			if err == nil {
				w.follow()
			}
			return err
		})
	}()
	if err := <-started; err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends the watch; its queue is closed thereafter.
func (w *Watch) Close() {
	w.ended.Do(func() {
		_ = w.source.file.Close()
		w.system.watchCount.Add(-1)
	})
}

func (w *Watch) begin() error {
	info, err := os.Stat(w.base)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return ErrNotADirectory
	}
	watch, err := w.source.add(w.base, 0)
	if err != nil {
		return err
	}
	w.know(watch, ".")
	if w.isDeep {
		w.enter(".", false)
	}
	return nil
}

func (w *Watch) know(watch int32, at string) {
	w.paths[watch] = at
	w.watches[at] = watch
}

func (w *Watch) forget(watch int32) {
	if at, known := w.paths[watch]; known {
		delete(w.paths, watch)
		if w.watches[at] == watch {
			delete(w.watches, at)
		}
	}
}

// enter watches the folders in a watched one. With announce, all that is there is told as created: it came
// before the watch did. What came at the same moment is told twice.
func (w *Watch) enter(at string, announce bool) {
	entries, err := os.ReadDir(path.Join(w.base, at))
	if err != nil {
		return
	}
	for _, entry := range entries {
		below := path.Join(at, entry.Name())
		if w.leavesOut(below) {
			continue
		}
		if announce {
			w.changes.push(Change{Op: OpCreate, Path: below, IsDir: entry.IsDir()})
		}
		if entry.IsDir() {
			w.addFolder(below, announce)
		}
	}
}

func (w *Watch) leavesOut(at string) bool { return len(w.exclude) > 0 && w.exclude.Fit(at) }

func (w *Watch) addFolder(at string, announce bool) {
	if _, known := w.watches[at]; known {
		if !announce {
			w.enter(at, false)
		}
		return
	}
	if len(w.paths) >= maxWatchedFolders || strings.Count(at, "/") >= maxDepth {
		w.changes.push(Change{Op: OpUnwatched, Path: at, IsDir: true, Reason: "too many folders"})
		return
	}
	watch, err := w.source.add(path.Join(w.base, at), unix.IN_DONT_FOLLOW)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return
	case err != nil:
		w.changes.push(Change{Op: OpUnwatched, Path: at, IsDir: true, Reason: reasonOf(err)})
		return
	}
	w.know(watch, at)
	w.enter(at, announce)
}

func reasonOf(err error) string {
	if errors.Is(err, unix.ENOSPC) {
		return "the kernel's limit of watches is reached"
	}
	return err.Error()
}

// follow reads events until the folder or the watch ends. Both halves of a rename come one after the other,
// but not always in one reading.
func (w *Watch) follow() {
	var half *rawEvent
	for {
		limit := time.Duration(0)
		if half != nil {
			limit = pairWait
		}
		events, err := w.source.read(limit)
		if err != nil {
			return
		}
		if len(events) == 0 && half != nil {
			w.movedAway(*half)
			half = nil
		}
		for _, event := range events {
			if half != nil && event.is(unix.IN_MOVED_TO) && event.cookie == half.cookie {
				w.renamed(*half, event)
				half = nil
				continue
			}
			if half != nil {
				w.movedAway(*half)
				half = nil
			}
			if event.is(unix.IN_MOVED_FROM) {
				held := event
				half = &held
				continue
			}
			if w.handle(event) {
				return
			}
		}
	}
}

// handle returns true when the watched folder itself is gone.
func (w *Watch) handle(event rawEvent) bool {
	if event.is(unix.IN_Q_OVERFLOW) {
		w.changes.overflow()
		if w.isDeep {
			w.enter(".", false)
		}
		return false
	}
	if event.is(unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_IGNORED | unix.IN_UNMOUNT) {
		return w.selfEvent(event)
	}
	at, known := w.at(event)
	if !known {
		return false
	}
	isDir := event.is(unix.IN_ISDIR)
	switch {
	case event.is(unix.IN_CREATE | unix.IN_MOVED_TO):
		w.appeared(at, isDir)
	case event.is(unix.IN_MODIFY):
		w.changes.push(Change{Op: OpWrite, Path: at})
	case event.is(unix.IN_ATTRIB):
		w.changes.push(Change{Op: OpAttributes, Path: at, IsDir: isDir})
	case event.is(unix.IN_DELETE):
		w.changes.push(Change{Op: OpRemove, Path: at, IsDir: isDir})
	}
	return false
}

// selfEvent is about a watched folder as such. Of those below, the folder that holds them tells.
func (w *Watch) selfEvent(event rawEvent) bool {
	isBase := w.paths[event.watch] == "." && w.watches["."] == event.watch
	if event.is(unix.IN_IGNORED | unix.IN_UNMOUNT) {
		w.forget(event.watch)
	}
	if !isBase {
		return false
	}
	op := OpRemove
	if event.is(unix.IN_MOVE_SELF) {
		op = OpRename
	}
	w.changes.push(Change{Op: op, Path: ".", IsDir: true})
	return true
}

func (w *Watch) at(event rawEvent) (string, bool) {
	folder, known := w.paths[event.watch]
	if !known || event.name == "" {
		return "", false
	}
	at := path.Join(folder, event.name)
	return at, !w.leavesOut(at)
}

func (w *Watch) appeared(at string, isDir bool) {
	w.changes.push(Change{Op: OpCreate, Path: at, IsDir: isDir})
	if isDir && w.isDeep {
		w.addFolder(at, true)
	}
}

// movedAway is a rename whose other half is outside of the tree.
func (w *Watch) movedAway(event rawEvent) {
	at, known := w.at(event)
	if !known {
		return
	}
	w.unwatchBelow(at)
	w.changes.push(Change{Op: OpRename, Path: at, IsDir: event.is(unix.IN_ISDIR)})
}

func (w *Watch) renamed(from, to rawEvent) {
	source, isSourceTold := w.at(from)
	target, isTargetTold := w.at(to)
	isDir := to.is(unix.IN_ISDIR)
	switch {
	case isSourceTold && isTargetTold:
		w.moveBelow(source, target)
		w.changes.push(Change{Op: OpRename, Path: source, To: target, IsDir: isDir})
	case isSourceTold:
		w.movedAway(from)
	case isTargetTold:
		w.appeared(target, isDir)
	}
}

// below calls with each watched folder at a path and below it.
func (w *Watch) below(at string, call func(watched string, watch int32)) {
	for watch, watched := range w.paths {
		if watched == at || strings.HasPrefix(watched, at+"/") {
			call(watched, watch)
		}
	}
}

func (w *Watch) unwatchBelow(at string) {
	w.below(at, func(_ string, watch int32) {
		w.forget(watch)
		w.source.remove(watch)
	})
}

// moveBelow follows a folder to its new name: the kernel's watches are on the folders, not on their names.
func (w *Watch) moveBelow(from, to string) {
	moved := map[int32]string{}
	w.below(from, func(watched string, watch int32) { moved[watch] = to + strings.TrimPrefix(watched, from) })
	for watch := range moved {
		w.forget(watch)
	}
	for watch, at := range moved {
		w.know(watch, at)
	}
}

// Next returns what happened, or waits for it; false is the end.
func (w *Watch) Next(ctx context.Context) ([]Change, bool) { return w.changes.next(ctx) }
