package file

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

const (
	newFileMode   = 0o644
	newFolderMode = 0o755
)

// target is where a write goes.
type target struct {
	path string
	// existing is open for writing when the file is already there: proof that the user may write to it.
	existing *os.File
	info     fs.FileInfo
}

// Write replaces a file by what content holds: all of it or, when content ends early, nothing.
func (s *System) Write(as account.Credential, path string, content io.Reader) error {
	resolved, err := s.resolve(path)
	if err != nil {
		return err
	}
	goal := &target{}
	var temp *os.File
	err = as.ActAs(func() error {
		if err := goal.open(resolved); err != nil {
			return err
		}
		temp, err = goal.createTemp()
		if errors.Is(err, fs.ErrNotExist) {
			// Most files are written into folders that are there: their parents are made only when they are missed.
			temp, err = goal.createWithParents()
		}
		return err
	})
	defer goal.close()
	if err != nil && goal.writableOnlyInPlace(err) {
		return copyContent(goal.existing, content, true)
	}
	if err != nil {
		return err
	}
	return goal.fill(as, temp, content)
}

// open follows links, and checks that an existing file may be written.
func (t *target) open(path string) error {
	var err error
	if t.path, t.info, err = followLinks(path); err != nil {
		return err
	}
	if t.info == nil {
		return nil
	}
	if err := requireRegular(t.info); err != nil {
		return err
	}
	return t.openExisting()
}

func (t *target) openExisting() (err error) {
	t.existing, err = os.OpenFile(t.path, os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ETXTBSY) {
		// A running program cannot be written to, but replaced it can be.
		return nil
	}
	if err != nil {
		return err
	}
	// That of what was opened: another file may have come into the place of the one that was looked at.
	if t.info, err = t.existing.Stat(); err != nil {
		return err
	}
	return requireRegular(t.info)
}

func (t *target) createTemp() (*os.File, error) {
	var suffix [8]byte
	_, _ = rand.Read(suffix[:])
	name := filepath.Join(filepath.Dir(t.path), ".atoll-upload-"+hex.EncodeToString(suffix[:]))
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, newFileMode)
}

func (t *target) createWithParents() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(t.path), newFolderMode); err != nil {
		return nil, err
	}
	return t.createTemp()
}

// writableOnlyInPlace is true of a writable file in a folder where the user may not create any.
func (t *target) writableOnlyInPlace(err error) bool {
	return t.existing != nil && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS))
}

func (t *target) fill(as account.Credential, temp *os.File, content io.Reader) error {
	err := copyContent(temp, content, false)
	if err == nil {
		err = t.keepAttributes(as, temp)
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = as.ActAs(func() error { return rename(temp.Name(), t.path, true) })
	}
	if t.existing != nil && errors.Is(err, unix.EBUSY) {
		err = t.copyOver(as, temp.Name())
	}
	if err != nil {
		_ = as.ActAs(func() error { return unix.Unlink(temp.Name()) })
	}
	return err
}

// keepAttributes gives the new file the owner and mode of the one that it replaces. The owner comes first,
// because changing it clears the set-id bits. Who is not root cannot keep those: the kernel clears them when
// such a user writes, or a file that others may write to would make them its owner.
func (t *target) keepAttributes(as account.Credential, temp *os.File) error {
	if t.info == nil {
		return nil
	}
	mode := t.info.Mode()
	if as.UID != 0 {
		mode &^= fs.ModeSetuid | fs.ModeSetgid
	}
	if t.existing == nil {
		// Nothing was opened that the look could be held against, so the user's own rights have to do.
		return as.ActAs(func() error { return keepOn(temp, t.info, mode) })
	}
	return keepOn(temp, t.info, mode)
}

func keepOn(temp *os.File, info fs.FileInfo, mode fs.FileMode) error {
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = temp.Chown(int(status.Uid), int(status.Gid))
	}
	return temp.Chmod(mode)
}

// copyOver serves files that are mount points, which cannot be replaced.
func (t *target) copyOver(as account.Credential, tempName string) error {
	return as.ActAs(func() error {
		temp, err := os.OpenFile(tempName, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer temp.Close()
		defer os.Remove(tempName)
		return copyContent(t.existing, temp, true)
	})
}

func (t *target) close() {
	if t.existing != nil {
		_ = t.existing.Close()
	}
}

func copyContent(into *os.File, content io.Reader, truncate bool) error {
	if truncate {
		if err := into.Truncate(0); err != nil {
			return err
		}
	}
	reader := &faultReader{source: content}
	buffer := buffers.Get().(*[copyBufferBytes]byte)
	defer buffers.Put(buffer)
	_, err := io.CopyBuffer(struct{ io.Writer }{into}, reader, buffer[:])
	if reader.failed {
		return ErrTruncated
	}
	return err
}

// faultReader tells an upload that broke off from a disk that failed.
type faultReader struct {
	source io.Reader
	failed bool
}

func (f *faultReader) Read(into []byte) (int, error) {
	count, err := f.source.Read(into)
	f.failed = err != nil && err != io.EOF
	return count, err
}
