// Package file reads and writes files of the sandbox with the permissions of one of its users.
package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/process"
)

// Errors beside those of the system.
var (
	ErrInvalidPath    = errors.New("path is missing or contains NUL")
	ErrPathTraversal  = errors.New("path contains '..'")
	ErrIsDirectory    = errors.New("is a directory")
	ErrNotADirectory  = errors.New("not a directory")
	ErrNotRegular     = errors.New("not a regular file")
	ErrTruncated      = errors.New("request body ended early")
	ErrTooManyWatches = errors.New("too many watches")
)

// maxSymlinks is what Linux follows.
const maxSymlinks = 40

// System is the file tree of the sandbox.
type System struct {
	root       string
	workingDir string
	watchCount atomic.Int32
}

// NewSystem serves the tree below root; relative paths start at workingDir.
func NewSystem(root, workingDir string) *System {
	return &System{root: root, workingDir: workingDir}
}

// resolve checks a path of the wire and makes it one that this process can use.
func (s *System) resolve(path string) (string, error) {
	if path == "" || strings.Contains(path, "\x00") {
		return "", ErrInvalidPath
	}
	if slices.Contains(strings.Split(path, "/"), "..") {
		return "", ErrPathTraversal
	}
	return process.ResolvePath(s.root, s.workingDir, path), nil
}

// followLinks returns what a write to path would reach, which need not exist.
func followLinks(path string) (string, fs.FileInfo, error) {
	for range maxSymlinks {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil, nil
		}
		if err != nil {
			return "", nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return path, info, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", nil, err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Dir(path) + "/" + target
		}
		path = target
	}
	return "", nil, unix.ELOOP
}
