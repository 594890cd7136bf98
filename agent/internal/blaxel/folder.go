package blaxel

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/file"
)

const (
	defaultFolderPermissions = 0o755
	defaultFilePermissions   = 0o644
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

// user is whose permissions file work has.
func (s *Server) user() account.Credential { return s.options.Accounts.Default() }

func viewFile(at string, info file.Info, names account.Namer) fileView {
	view := fileView{
		Path: at, Name: path.Base(at), Size: info.SizeBytes,
		Permissions:  strconv.FormatUint(uint64(info.Permissions()&0o777), 8),
		LastModified: time.UnixMilli(info.ModifiedMs).UTC().Format(time.RFC3339),
	}
	view.Owner, view.Group = names(info.UID, info.GID)
	return view
}

// readFolder describes what is in a folder. What a symbolic link points to is what it counts as; one that points
// nowhere is a file.
func (s *Server) readFolder(at string) (folderView, error) {
	view := folderView{Path: at, Name: path.Base(at), Files: []fileView{}, Subdirectories: []folderEntry{}}
	infos, err := s.options.Files.Describe(s.user(), at)
	names := s.options.Accounts.Namer()
	for _, info := range infos {
		below := path.Join(at, info.Path)
		if info.Type == file.TypeDirectory {
			view.Subdirectories = append(view.Subdirectories, folderEntry{Path: below, Name: info.Path})
			continue
		}
		view.Files = append(view.Files, viewFile(below, info, names))
	}
	return view, err
}

func (s *Server) makeFolder(at string, permissions *uint32) error {
	err := s.options.Files.MakeFolder(s.user(), at, permissionsOr(permissions, defaultFolderPermissions), true)
	if err == nil {
		err = s.setPermissions(at, permissions)
	}
	return err
}

// setPermissions leaves them as they are where none were given.
func (s *Server) setPermissions(at string, permissions *uint32) error {
	if permissions == nil {
		return nil
	}
	return s.options.Files.SetAttributes(s.user(), at, file.Attributes{Permissions: permissions})
}

// remove deletes a file, a link or an empty folder; with everything in it a folder only if that was asked for.
func (s *Server) remove(at string, recursive bool) error {
	if recursive {
		return s.options.Files.RemoveAll(s.user(), at)
	}
	return s.options.Files.RemoveEmpty(s.user(), at)
}

// readPermissions reads octal digits; nil is none given.
func readPermissions(text string) (*uint32, error) {
	if text == "" {
		return nil, nil
	}
	value, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 12)
	if err != nil {
		return nil, invalid("permissions must be octal digits such as 0644")
	}
	permissions := uint32(value)
	return &permissions, nil
}

func permissionsOr(given *uint32, byDefault uint32) uint32 {
	if given == nil {
		return byDefault
	}
	return *given
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
	case errors.Is(err, file.ErrInvalidPattern):
		return invalid(err.Error())
	case errors.Is(err, file.ErrTooManyWatches):
		return &failure{429, err.Error()}
	case errors.As(err, &pathError):
		return &failure{422, pathError.Err.Error()}
	}
	return &failure{422, err.Error()}
}
