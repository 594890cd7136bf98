package file

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

const holeBytes = 64 << 10

// Copy copies a file, a link or a folder with all that is in it: modes, times and holes stay, links are copied
// as links, owners stay where the user may set them. A file appears at its new path whole or not at all.
func (s *System) Copy(as account.Credential, from, to string, overwrite bool) error {
	source, target, err := s.resolveBoth(from, to)
	if err != nil {
		return err
	}
	return as.ActAs(func() error {
		if err := prepareTarget(source, target); err != nil {
			return err
		}
		if _, err := os.Lstat(target); err == nil && !overwrite {
			return ErrExists
		}
		temporary, err := temporaryBeside(target)
		if err != nil {
			return err
		}
		err = copyTree(source, temporary, copyOptions{keepOwner: as.UID == 0})
		if err == nil {
			err = rename(temporary, target, overwrite)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(temporary))
		}
		return nil
	})
}

func temporaryBeside(path string) (string, error) {
	var suffix [8]byte
	if _, err := rand.Read(suffix[:]); err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), ".atoll-upload-"+hex.EncodeToString(suffix[:])), nil
}

type copyOptions struct{ keepOwner bool }

// copyTree copies what source is to target, which must not be there.
func copyTree(source, target string, options copyOptions) error {
	from, err := os.OpenRoot(filepath.Dir(source))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenRoot(filepath.Dir(target))
	if err != nil {
		return err
	}
	defer to.Close()
	return options.copy(place{from, filepath.Base(source)}, place{to, filepath.Base(target)}, 1)
}

// place is a name in an open folder.
type place struct {
	folder *os.Root
	name   string
}

func (o copyOptions) copy(from, to place, depth int) error {
	info, err := from.folder.Lstat(from.name)
	if err != nil {
		return err
	}
	switch typeOf(info.Mode()) {
	case TypeSymlink:
		return o.copyLink(from, to, info)
	case TypeDirectory:
		return o.copyFolder(from, to, info, depth)
	case TypeFile:
		return o.copyFile(from, to, info)
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		// Sockets and devices are left out, as tar leaves sockets out.
		return nil
	}
	return makePipe(to, info.Mode())
}

func makePipe(to place, mode fs.FileMode) error {
	folder, err := to.folder.Open(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	return unix.Mkfifoat(int(folder.Fd()), to.name, uint32(mode.Perm()))
}

func (o copyOptions) copyLink(from, to place, info fs.FileInfo) error {
	target, err := from.folder.Readlink(from.name)
	if err == nil {
		err = to.folder.Symlink(target, to.name)
	}
	if err == nil && o.keepOwner {
		err = giveTo(to, info)
	}
	return err
}

func giveTo(to place, info fs.FileInfo) error {
	uid, gid, known := ownerOf(info)
	if !known {
		return nil
	}
	return to.folder.Lchown(to.name, uid, gid)
}

func (o copyOptions) copyFolder(from, to place, info fs.FileInfo, depth int) error {
	if depth > maxDepth {
		return unix.ELOOP
	}
	if err := to.folder.Mkdir(to.name, 0o700); err != nil {
		return err
	}
	if err := o.copyBelow(from, to, depth); err != nil {
		return err
	}
	return o.keep(to, info)
}

func (o copyOptions) copyBelow(from, to place, depth int) error {
	source, err := from.folder.OpenRoot(from.name)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := to.folder.OpenRoot(to.name)
	if err != nil {
		return err
	}
	defer target.Close()
	names, err := namesIn(source)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := o.copy(place{source, name}, place{target, name}, depth+1)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// keep sets owner, mode and times, in this order: owners clear set-id bits, everything changes times.
func (o copyOptions) keep(to place, info fs.FileInfo) error {
	if o.keepOwner {
		if err := giveTo(to, info); err != nil {
			return err
		}
	}
	if err := to.folder.Chmod(to.name, info.Mode()); err != nil {
		return err
	}
	return to.folder.Chtimes(to.name, info.ModTime(), info.ModTime())
}

func (o copyOptions) copyFile(from, to place, info fs.FileInfo) error {
	source, err := node{parent: from.folder, name: from.name}.open()
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := to.folder.OpenFile(to.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = copySparse(target, source)
	if err = errors.Join(err, target.Close()); err != nil {
		return err
	}
	return o.keep(to, info)
}

var zeros [holeBytes]byte

// copySparse leaves holes where the content is all zeros, so a sparse file stays one.
func copySparse(into *os.File, content io.Reader) (int64, error) {
	pooled := buffers.Get().(*[copyBufferBytes]byte)
	defer buffers.Put(pooled)
	buffer := pooled[:]
	var written int64
	endsInHole := false
	for {
		count, err := io.ReadFull(content, buffer)
		for at := 0; at < count; at += holeBytes {
			piece := buffer[at:min(count, at+holeBytes)]
			endsInHole = bytes.Equal(piece, zeros[:len(piece)])
			if endsInHole {
				written += int64(len(piece))
				continue
			}
			if _, err := into.WriteAt(piece, written); err != nil {
				return written, err
			}
			written += int64(len(piece))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return written, err
		}
	}
	if endsInHole {
		return written, into.Truncate(written)
	}
	return written, nil
}
