package file

import (
	"io/fs"
	"os"
	"syscall"

	"atoll.dev/agent/internal/account"
)

// Type is what kind of thing a path names.
type Type string

// The types of a file tree.
const (
	TypeFile      Type = "file"
	TypeDirectory Type = "directory"
	TypeSymlink   Type = "symlink"
	TypeOther     Type = "other"
)

// Info is all that is known about one path. A symbolic link is described itself, not what it points to.
type Info struct {
	// Path is relative to what was asked for; "." is that itself.
	Path       string
	Type       Type
	SizeBytes  int64
	Mode       fs.FileMode
	UID        uint32
	GID        uint32
	ModifiedMs int64
	// Target is where a symbolic link points to.
	Target string
}

// Permissions are the mode as chmod takes it: the set-id and sticky bits above the nine of rwx.
func (i Info) Permissions() uint32 { return permissionsOf(i.Mode) }

func permissionsOf(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for flag, bit := range setIDBits {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

var setIDBits = map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000}

func modeOf(permissions uint32) fs.FileMode {
	mode := fs.FileMode(permissions & 0o777)
	for flag, bit := range setIDBits {
		if permissions&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

func typeOf(mode fs.FileMode) Type {
	switch {
	case mode.IsRegular():
		return TypeFile
	case mode.IsDir():
		return TypeDirectory
	case mode&fs.ModeSymlink != 0:
		return TypeSymlink
	}
	return TypeOther
}

func infoOf(path string, found fs.FileInfo) Info {
	info := Info{
		Path: path, Type: typeOf(found.Mode()), SizeBytes: found.Size(), Mode: found.Mode(),
		ModifiedMs: found.ModTime().UnixMilli(),
	}
	if status, ok := found.Sys().(*syscall.Stat_t); ok {
		info.UID, info.GID = status.Uid, status.Gid
	}
	return info
}

// Stat describes a path; follow makes it what a symbolic link points to.
func (s *System) Stat(as account.Credential, path string, follow bool) (Info, error) {
	resolved, err := s.resolve(path)
	if err != nil {
		return Info{}, err
	}
	var info Info
	err = as.ActAs(func() error {
		found, err := os.Lstat(resolved)
		if follow && err == nil {
			found, err = os.Stat(resolved)
		}
		if err != nil {
			return err
		}
		info = infoOf(".", found)
		if info.Type == TypeSymlink {
			info.Target, err = os.Readlink(resolved)
		}
		return err
	})
	return info, err
}
