package file

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"atoll.dev/agent/internal/account"
)

// ErrInvalidArchive is a body that is no tar, or one that names what is outside of its folder.
var ErrInvalidArchive = errors.New("invalid tar archive")

// maxDelayedFolders bounds how many folders wait for their mode until all is in them.
const maxDelayedFolders = 200_000

// Extracted counts what an archive brought.
type Extracted struct {
	Files       int   `json:"files"`
	Directories int   `json:"directories"`
	Links       int   `json:"links"`
	Bytes       int64 `json:"bytes"`
	// Skipped are devices, and kinds of entries that are none of a file tree.
	Skipped int `json:"skipped"`
}

// Extract unpacks a tar, which may be compressed by gzip, below a folder; the folder is made. Entries replace
// files and links that are there; links are made as they are and never followed out of the folder. Owners are
// those of the archive with keepOwners, else the user's.
func (s *System) Extract(as account.Credential, path string, content io.Reader, keepOwners bool) (Extracted, error) {
	resolved, err := s.resolve(path)
	if err != nil {
		return Extracted{}, err
	}
	source := &faultReader{source: content}
	unpacker := &unpacker{keepOwners: keepOwners}
	err = as.ActAs(func() error {
		if err := os.MkdirAll(resolved, newFolderMode); err != nil {
			return err
		}
		folder, err := openFolder(resolved)
		if err != nil {
			return err
		}
		defer folder.Close()
		unpacker.root = folder
		return unpacker.run(source)
	})
	if source.failed {
		err = ErrTruncated
	}
	return unpacker.extracted, err
}

type unpacker struct {
	root       *os.Root
	keepOwners bool
	extracted  Extracted
	// folders get their modes and times last, or what is in them could not be written or would change them.
	folders []*tar.Header
}

func (u *unpacker) run(content io.Reader) error {
	plain, err := decompressed(content)
	if err != nil {
		return err
	}
	reader := tar.NewReader(plain)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return archiveFailure(err)
		}
		if err := u.entry(header, reader); err != nil {
			return err
		}
	}
	// What follows the end of the archive is read off, so that the sender can finish.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return archiveFailure(err)
	}
	return u.finishFolders()
}

func decompressed(content io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(content, 64<<10)
	magic, _ := buffered.Peek(2)
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, nil
	}
	plain, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, archiveFailure(err)
	}
	return plain, nil
}

func archiveFailure(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrInvalidArchive, err)
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	name, err := memberName(header.Name)
	if err != nil {
		return err
	}
	header.Name = name
	if name != "." {
		if err := u.root.MkdirAll(path.Dir(name), newFolderMode); err != nil {
			return memberFailure(header, err)
		}
	}
	return memberFailure(header, u.place(header, content))
}

// memberName makes the name of an entry one below the folder.
func memberName(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("%w: entry %.200q leads out of the folder", ErrInvalidArchive, name)
		}
	}
	if strings.Contains(name, "\x00") || name == "" {
		return "", fmt.Errorf("%w: entry %.200q has no proper name", ErrInvalidArchive, name)
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

// errEscape is how package os says that a link would lead out of the folder.
const errEscape = "path escapes from parent"

func memberFailure(header *tar.Header, err error) error {
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), errEscape) {
		return fmt.Errorf("%w: entry %.200q leads out of the folder by a link", ErrInvalidArchive, header.Name)
	}
	return err
}

func (u *unpacker) place(header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeGNUSparse:
		return u.file(header, content)
	case tar.TypeDir:
		return u.directory(header)
	case tar.TypeSymlink:
		return u.link(header, func() error { return u.root.Symlink(header.Linkname, header.Name) })
	case tar.TypeLink:
		target, err := memberName(header.Linkname)
		if err != nil {
			return err
		}
		if target == header.Name {
			return nil
		}
		return u.link(header, func() error { return u.root.Link(target, header.Name) })
	case tar.TypeFifo:
		return u.pipe(header)
	case tar.TypeXGlobalHeader:
		return nil
	}
	u.extracted.Skipped++
	return nil
}

// file writes beside the target and renames: it appears whole, and a link in its place is replaced.
func (u *unpacker) file(header *tar.Header, content io.Reader) error {
	if header.Name == "." {
		return fmt.Errorf("%w: the folder itself is a file", ErrInvalidArchive)
	}
	var suffix [8]byte
	_, _ = rand.Read(suffix[:])
	temporary := path.Join(path.Dir(header.Name), ".atoll-upload-"+hex.EncodeToString(suffix[:]))
	file, err := u.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	written, err := copySparse(file, content)
	if err == nil && written != header.Size {
		err = ErrTruncated
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = u.keep(temporary, header)
	}
	if err == nil {
		err = u.root.Rename(temporary, header.Name)
	}
	if err != nil {
		_ = u.root.Remove(temporary)
		return err
	}
	u.extracted.Files++
	u.extracted.Bytes += written
	return nil
}

func (u *unpacker) keep(name string, header *tar.Header) error {
	if u.keepOwners {
		if err := u.root.Lchown(name, header.Uid, header.Gid); err != nil {
			return err
		}
	}
	if err := u.root.Chmod(name, modeOf(uint32(header.Mode&0o7777))); err != nil {
		return err
	}
	return u.root.Chtimes(name, header.ModTime, header.ModTime)
}

func (u *unpacker) directory(header *tar.Header) error {
	err := u.root.Mkdir(header.Name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := u.root.Stat(header.Name)
		if statErr != nil {
			return statErr
		}
		if !info.IsDir() {
			return fmt.Errorf("%w: %.200q is there and no folder", ErrExists, header.Name)
		}
		err = nil
	}
	if err != nil {
		return err
	}
	u.extracted.Directories++
	if len(u.folders) == maxDelayedFolders {
		return u.keep(header.Name, header)
	}
	u.folders = append(u.folders, header)
	return nil
}

// finishFolders goes backwards, so that a folder which nobody may enter any more comes after what is in it.
func (u *unpacker) finishFolders() error {
	for index := len(u.folders) - 1; index >= 0; index-- {
		header := u.folders[index]
		if header.Name == "." && !u.keepOwners {
			// Where to unpack was the caller's choice: that folder keeps its own mode.
			continue
		}
		if err := u.keep(header.Name, header); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (u *unpacker) link(header *tar.Header, make func() error) error {
	if err := u.clear(header.Name); err != nil {
		return err
	}
	if err := make(); err != nil {
		return err
	}
	u.extracted.Links++
	if u.keepOwners && header.Typeflag == tar.TypeSymlink {
		return u.root.Lchown(header.Name, header.Uid, header.Gid)
	}
	return nil
}

func (u *unpacker) pipe(header *tar.Header) error {
	if err := u.clear(header.Name); err != nil {
		return err
	}
	folder, err := u.root.OpenRoot(path.Dir(header.Name))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := makePipe(place{folder, path.Base(header.Name)}, modeOf(uint32(header.Mode&0o777))); err != nil {
		return err
	}
	return u.keep(header.Name, header)
}

// clear takes away what a link would replace; a folder stays, and is an error.
func (u *unpacker) clear(name string) error {
	info, err := u.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%w: %.200q is a folder", ErrExists, name)
	}
	return u.root.Remove(name)
}
