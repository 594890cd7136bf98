package blaxel

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// fileView is File of the wire.
type fileView struct {
	Path         string `json:"path"`
	Name         string `json:"name"`
	Permissions  string `json:"permissions"`
	Size         int64  `json:"size"`
	LastModified string `json:"lastModified"`
	Owner        string `json:"owner"`
	Group        string `json:"group"`
}

type folderEntry struct {
	Path string `json:"path"`
	Name string `json:"name"`
}

// folderView is Directory of the wire.
type folderView struct {
	Path           string        `json:"path"`
	Name           string        `json:"name"`
	Files          []fileView    `json:"files"`
	Subdirectories []folderEntry `json:"subdirectories"`
}

func (s *Server) viewFile(shown string, info fs.FileInfo) fileView {
	view := fileView{
		Path: shown, Name: path.Base(shown), Size: info.Size(),
		Permissions:  strconv.FormatUint(uint64(info.Mode().Perm()), 8),
		LastModified: info.ModTime().UTC().Format(time.RFC3339),
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		view.Owner, view.Group = s.options.Accounts.Names(status.Uid, status.Gid)
	}
	return view
}

// as does file work with the permissions of the sandbox's user.
func (s *Server) as(work func() error) error { return s.options.Accounts.Default().ActAs(work) }

func (s *Server) stat(at location) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := s.as(func() (err error) {
		info, err = os.Stat(at.real)
		return err
	})
	return info, err
}

// readFolder describes what is in a folder. What a symbolic link points to is what it counts as; one that points
// nowhere is a file.
func (s *Server) readFolder(at location) (folderView, error) {
	view := folderView{Path: at.shown, Name: path.Base(at.shown), Files: []fileView{}, Subdirectories: []folderEntry{}}
	err := s.as(func() error {
		entries, err := os.ReadDir(at.real)
		for _, entry := range entries {
			shown := path.Join(at.shown, entry.Name())
			info, err := os.Stat(path.Join(at.real, entry.Name()))
			if err != nil {
				info, err = entry.Info()
			}
			switch {
			case err != nil:
				// It vanished meanwhile.
			case info.IsDir():
				view.Subdirectories = append(view.Subdirectories, folderEntry{Path: shown, Name: entry.Name()})
			default:
				view.Files = append(view.Files, s.viewFile(shown, info))
			}
		}
		return err
	})
	return view, err
}

const defaultFolderMode = 0o755

func (s *Server) makeFolder(at location, mode fs.FileMode, isGiven bool) error {
	return s.as(func() error {
		if err := os.MkdirAll(at.real, defaultFolderMode); err != nil || !isGiven {
			return err
		}
		return os.Chmod(at.real, mode)
	})
}

func (s *Server) chmod(at location, mode fs.FileMode) error {
	return s.as(func() error { return os.Chmod(at.real, mode) })
}

// remove deletes a file, a link or an empty folder; with everything in it a folder only if that was asked for.
func (s *Server) remove(at location, recursive bool) error {
	return s.as(func() error {
		if _, err := os.Lstat(at.real); err != nil {
			return err
		}
		if recursive {
			return os.RemoveAll(at.real)
		}
		return os.Remove(at.real)
	})
}

// readMode reads permissions as octal digits; "" is none given.
func readMode(text string) (mode fs.FileMode, isGiven bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	value, parseErr := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 12)
	if parseErr != nil {
		return 0, false, invalid("permissions must be octal digits such as 0644")
	}
	mode = fs.FileMode(value & 0o777)
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if value&bit != 0 {
			mode |= flag
		}
	}
	return mode, true, nil
}

// fileFailure says what is wrong in words of this wire.
func fileFailure(err error) error {
	var known *failure
	var pathError *fs.PathError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return &failure{404, "file or directory not found"}
	case errors.As(err, &pathError):
		return &failure{422, pathError.Err.Error()}
	}
	return &failure{422, err.Error()}
}
