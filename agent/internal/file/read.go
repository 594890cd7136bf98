package file

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

// Open opens a regular file for reading.
func (s *System) Open(as account.Credential, path string) (*os.File, fs.FileInfo, error) {
	resolved, err := s.resolve(path)
	if err != nil {
		return nil, nil, err
	}
	var file *os.File
	err = as.ActAs(func() error {
		// Without O_NONBLOCK, opening a FIFO would wait for a writer.
		file, err = os.OpenFile(resolved, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = requireRegular(info)
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

func requireRegular(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return ErrIsDirectory
	case !info.Mode().IsRegular():
		return ErrNotRegular
	}
	return nil
}

// Entry is one line of a listing.
type Entry struct {
	Name       string `json:"name"`
	IsDir      bool   `json:"is_dir"`
	SizeBytes  *int64 `json:"size"`
	ModifiedAt *int64 `json:"modified_at"`
}

// List returns the entries of a folder, folders first. Symbolic links are entries of their own.
func (s *System) List(as account.Credential, path string) ([]Entry, error) {
	resolved, err := s.resolve(path)
	if err != nil {
		return nil, err
	}
	entries := []Entry{}
	err = as.ActAs(func() error {
		found, err := os.ReadDir(resolved)
		for _, item := range found {
			entries = append(entries, entryOf(item))
		}
		return err
	})
	if errors.Is(err, unix.ENOTDIR) {
		return nil, ErrNotADirectory
	}
	slices.SortFunc(entries, compareEntries)
	return entries, err
}

func compareEntries(a, b Entry) int {
	if a.IsDir != b.IsDir {
		if a.IsDir {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Name, b.Name)
}

// entryOf leaves out what a file that just vanished can no longer tell.
func entryOf(item fs.DirEntry) Entry {
	entry := Entry{Name: item.Name(), IsDir: item.IsDir()}
	info, err := item.Info()
	if err != nil {
		return entry
	}
	modifiedAt := info.ModTime().UnixMilli()
	entry.ModifiedAt = &modifiedAt
	if !entry.IsDir {
		size := info.Size()
		entry.SizeBytes = &size
	}
	return entry
}

// Remove deletes a file or a symbolic link, not a folder.
func (s *System) Remove(as account.Credential, path string) error {
	resolved, err := s.resolve(path)
	if err != nil {
		return err
	}
	return as.ActAs(func() error {
		info, err := os.Lstat(resolved)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return ErrIsDirectory
		}
		return unix.Unlink(resolved)
	})
}
