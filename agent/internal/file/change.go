package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

// Errors of changes.
var (
	ErrExists     = errors.New("already exists")
	ErrNotEmpty   = errors.New("folder is not empty")
	ErrIntoItsOwn = errors.New("a folder cannot be put into itself")
	ErrIsRoot     = errors.New("the root folder cannot be changed so")
)

// MakeFolder makes a folder. With its parents it may also be there already; then its mode stays.
func (s *System) MakeFolder(as account.Credential, path string, permissions uint32, withParents bool) error {
	resolved, err := s.resolve(path)
	if err != nil {
		return err
	}
	return as.ActAs(func() error {
		if withParents {
			if info, err := os.Stat(resolved); err == nil {
				return orNil(!info.IsDir(), ErrExists)
			}
			if err := os.MkdirAll(filepath.Dir(resolved), newFolderMode); err != nil {
				return err
			}
		}
		if err := os.Mkdir(resolved, modeOf(permissions).Perm()); err != nil {
			if withParents && errors.Is(err, fs.ErrExist) {
				// Somebody else made it meanwhile.
				return nil
			}
			return existing(err)
		}
		// The umask does not count here: the caller named a mode.
		return os.Chmod(resolved, modeOf(permissions))
	})
}

func orNil(isWrong bool, err error) error {
	if isWrong {
		return err
	}
	return nil
}

func existing(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	return err
}

// Move renames a file, a link or a folder, across file systems by a copy. What is at the new path is only
// replaced when overwrite is set: a file by a file, an empty folder by a folder.
func (s *System) Move(as account.Credential, from, to string, overwrite bool) error {
	source, target, err := s.resolveBoth(from, to)
	if err != nil {
		return err
	}
	return as.ActAs(func() error {
		if err := prepareTarget(source, target); err != nil {
			return err
		}
		err := rename(source, target, overwrite)
		if errors.Is(err, unix.EXDEV) {
			return moveAcross(source, target, overwrite)
		}
		return err
	})
}

func (s *System) resolveBoth(from, to string) (string, string, error) {
	source, err := s.resolve(from)
	if err != nil {
		return "", "", err
	}
	target, err := s.resolve(to)
	return source, target, err
}

// prepareTarget checks that the source is there and can be at the target, and makes the target's parents.
func prepareTarget(source, target string) error {
	info, err := os.Lstat(source)
	if err != nil {
		return err
	}
	if source == "/" || target == "/" {
		return ErrIsRoot
	}
	if info.IsDir() && isWithin(source, target) {
		return ErrIntoItsOwn
	}
	return os.MkdirAll(filepath.Dir(target), newFolderMode)
}

// isWithin follows the links of the part of target that is there already.
func isWithin(folder, target string) bool {
	wanted, err := os.Stat(folder)
	if err != nil {
		return false
	}
	for at := target; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, wanted) {
			return at != target || target == folder
		}
		if at == "/" || at == "." {
			return false
		}
	}
}

// rename asks the kernel not to replace anything; where it cannot promise that, a look before has to do.
func rename(source, target string, overwrite bool) error {
	if overwrite {
		return renameFailure(unix.Rename(source, target))
	}
	err := unix.Renameat2(unix.AT_FDCWD, source, unix.AT_FDCWD, target, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if _, statErr := os.Lstat(target); statErr == nil {
			return ErrExists
		}
		err = unix.Rename(source, target)
	}
	return renameFailure(err)
}

func renameFailure(err error) error {
	switch {
	case errors.Is(err, unix.ENOTEMPTY):
		return ErrNotEmpty
	case errors.Is(err, unix.EEXIST):
		return ErrExists
	}
	return err
}

// moveAcross copies to beside the target first, so that the target appears whole or not at all.
func moveAcross(source, target string, overwrite bool) error {
	temporary, err := temporaryBeside(target)
	if err != nil {
		return err
	}
	err = copyTree(source, temporary, copyOptions{keepOwner: true})
	if err == nil {
		err = rename(temporary, target, overwrite)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(temporary))
	}
	return removeAll(source)
}

// RemoveAll deletes a file, a link, or a folder with all that is in it. Links are not followed.
func (s *System) RemoveAll(as account.Credential, path string) error {
	resolved, err := s.resolve(path)
	if err != nil {
		return err
	}
	if resolved == "/" || resolved == s.root {
		return ErrIsRoot
	}
	return as.ActAs(func() error {
		if _, err := os.Lstat(resolved); err != nil {
			return err
		}
		return removeAll(resolved)
	})
}

// removeAll deletes by way of open folders: who exchanges one for a link meanwhile gains nothing.
func removeAll(path string) error {
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.RemoveAll(filepath.Base(path))
}

// Attributes are what SetAttributes changes; nil stays as it is.
type Attributes struct {
	Permissions *uint32
	UID, GID    *uint32
	Recursive   bool
}

// SetAttributes changes mode and owner of a path, or of a whole tree. In a tree, modes of links are left alone.
func (s *System) SetAttributes(as account.Credential, path string, attributes Attributes) error {
	resolved, err := s.resolve(path)
	if err != nil {
		return err
	}
	return as.ActAs(func() error {
		info, err := os.Stat(resolved)
		if err != nil {
			return err
		}
		if !info.IsDir() || !attributes.Recursive {
			return attributes.apply(resolved, info)
		}
		folder, err := os.OpenRoot(resolved)
		if err != nil {
			return err
		}
		defer folder.Close()
		if err := attributes.below(folder, 1); err != nil {
			return err
		}
		// Last, for it may take away the right to enter.
		return attributes.apply(resolved, info)
	})
}

// apply sets the owner first: that clears the set-id bits.
func (a Attributes) apply(path string, info fs.FileInfo) error {
	if a.UID != nil || a.GID != nil {
		if err := os.Chown(path, idOr(a.UID), idOr(a.GID)); err != nil {
			return err
		}
	}
	if a.Permissions != nil {
		return os.Chmod(path, modeOf(*a.Permissions))
	}
	return keepSetID(path, info, a)
}

func keepSetID(path string, info fs.FileInfo, a Attributes) error {
	if (a.UID != nil || a.GID != nil) && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		return os.Chmod(path, info.Mode())
	}
	return nil
}

func idOr(id *uint32) int {
	if id == nil {
		return -1
	}
	return int(*id)
}

func (a Attributes) below(folder *os.Root, depth int) error {
	names, err := namesIn(folder)
	if err == nil && depth > maxDepth {
		err = unix.ELOOP
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := a.one(folder, name, depth); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (a Attributes) one(folder *os.Root, name string, depth int) error {
	info, err := folder.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		inner, err := folder.OpenRoot(name)
		if err != nil {
			return err
		}
		err = a.below(inner, depth+1)
		_ = inner.Close()
		if err != nil {
			return err
		}
	}
	if a.UID != nil || a.GID != nil {
		if err := folder.Lchown(name, idOr(a.UID), idOr(a.GID)); err != nil {
			return err
		}
	}
	if a.Permissions == nil || info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	return folder.Chmod(name, modeOf(*a.Permissions))
}

func ownerOf(info fs.FileInfo) (uid, gid int, known bool) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(status.Uid), int(status.Gid), true
}
