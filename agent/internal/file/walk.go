package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

const (
	// maxDepth bounds how many folders are held open at once.
	maxDepth = 512
	// maxSortedNames bounds the time that putting a folder of millions of names in order may take.
	maxSortedNames = 100_000
)

// errStop ends a walk without being an error of it.
var errStop = errors.New("stop")

// Selection says which part of a tree is meant.
type Selection struct {
	// MaxDepth is how many levels below the folder count; 0 is all of them.
	MaxDepth int
	// ExcludeFolders are names of folders that are not entered.
	ExcludeFolders []string
	// WithoutHidden leaves out names that start with a dot.
	WithoutHidden bool
}

func (s Selection) leavesOut(name string, isDir bool) bool {
	return (s.WithoutHidden && strings.HasPrefix(name, ".")) || (isDir && slices.Contains(s.ExcludeFolders, name))
}

// node is one thing met on a walk. It is reached through the open folder that holds it, so nothing that is
// exchanged for a symbolic link meanwhile leads out of the tree.
type node struct {
	parent *os.Root
	name   string
	path   string
	depth  int
	info   fs.FileInfo
}

// describe reads a link's target as well.
func (n node) describe() Info {
	info := infoOf(n.path, n.info)
	if info.Type == TypeSymlink {
		info.Target, _ = n.parent.Readlink(n.name)
	}
	return info
}

// open opens a regular file for reading. What has become something else meanwhile is refused.
func (n node) open() (*os.File, error) {
	file, err := n.parent.OpenFile(n.name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = requireRegular(info)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// walk goes through a tree, folders before what is in them, names in order, symbolic links not followed.
type walk struct {
	ctx       context.Context
	selection Selection
	visit     func(node) error
	// left is called for each folder that cannot be read.
	left func(path string, cause error) error
}

func (w *walk) below(folder *os.Root, at string, depth int) error {
	names, err := namesIn(folder)
	if err == nil && depth > maxDepth {
		err = unix.ELOOP
	}
	if err != nil {
		return w.left(at, err)
	}
	for _, name := range names {
		if err := w.one(folder, name, path.Join(at, name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) one(folder *os.Root, name, at string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	info, err := folder.Lstat(name)
	if err != nil {
		// It vanished between two looks.
		return nil
	}
	if w.selection.leavesOut(name, info.IsDir()) {
		return nil
	}
	if err := w.visit(node{parent: folder, name: name, path: at, depth: depth, info: info}); err != nil {
		if errors.Is(err, fs.SkipDir) {
			return nil
		}
		return err
	}
	if !info.IsDir() || (w.selection.MaxDepth > 0 && depth >= w.selection.MaxDepth) {
		return nil
	}
	inner, err := folder.OpenRoot(name)
	if err != nil {
		return w.left(at, err)
	}
	defer inner.Close()
	return w.below(inner, at, depth+1)
}

func namesIn(folder *os.Root) ([]string, error) {
	opened, err := folder.Open(".")
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	names, err := opened.Readdirnames(-1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(names) <= maxSortedNames {
		slices.Sort(names)
	}
	return names, err
}

// openFolder opens a folder as the root of an operation; errors are those that the wire knows.
func openFolder(path string) (*os.Root, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, ErrNotADirectory
	}
	return os.OpenRoot(path)
}

// Outcome tells how a listing ended.
type Outcome struct {
	// Truncated is true when more was there than was asked for.
	Truncated bool
	// Unreadable counts what could not be looked into.
	Unreadable int
}

// walkFolder runs a walk as a user. The first error of the folder itself is returned, later ones are counted.
func (s *System) walkFolder(
	ctx context.Context, as account.Credential, path string, selection Selection, visit func(node) error,
) (Outcome, error) {
	var outcome Outcome
	resolved, err := s.resolve(path)
	if err != nil {
		return outcome, err
	}
	err = as.ActAs(func() error {
		folder, err := openFolder(resolved)
		if err != nil {
			return err
		}
		defer folder.Close()
		left := func(at string, cause error) error {
			if at == "" {
				return cause
			}
			outcome.Unreadable++
			return nil
		}
		tree := walk{ctx: ctx, selection: selection, visit: visit, left: left}
		return tree.below(folder, "", 1)
	})
	if errors.Is(err, errStop) {
		outcome.Truncated = true
		err = nil
	}
	return outcome, err
}

// Tree hands everything below a folder to visit, in order. maxResults 0 is no limit.
func (s *System) Tree(
	ctx context.Context, as account.Credential, path string, selection Selection, maxResults int, visit func(Info) error,
) (Outcome, error) {
	count := 0
	return s.walkFolder(ctx, as, path, selection, func(n node) error {
		if maxResults > 0 && count == maxResults {
			return errStop
		}
		count++
		return visit(n.describe())
	})
}
