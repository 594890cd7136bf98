package layer

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/flate"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	zipMagic = "PK"
	// The list of what is in an archive is read whole. It has at least 46 bytes for each file.
	maxZipListBytes = 64 << 20
	maxLinkBytes    = 4096
	// Who made an archive, in the upper byte of its version: these systems know modes of files.
	zipFromUnix, zipFromMac = 3, 19
)

// isZip tells by the first bytes; an empty archive begins with its end.
func isZip(in *bufio.Reader) bool {
	start, _ := in.Peek(4)
	return len(start) == 4 && string(start[:2]) == zipMagic && (start[2] == 3 && start[3] == 4 || start[2] == 5 && start[3] == 6)
}

// unzip fills the root with a ZIP archive. The archive is read from its end, so it is kept while that goes on: on the
// disk of the build like its content, and without a name.
func unzip(in io.Reader) error {
	file, size, err := keepUnnamed(in)
	if err != nil {
		return err
	}
	defer file.Close()
	archive, err := readZipList(file, size)
	if err != nil {
		return err
	}
	times := map[string]time.Time{}
	for _, member := range archive.File {
		if err := unzipMember(member, times); err != nil {
			return explainZip(member.Name, err)
		}
	}
	return setAll(times)
}

func keepUnnamed(in io.Reader) (*os.File, int64, error) {
	file, err := os.OpenFile("/", os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(file, in)
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, size, nil
}

func readZipList(file io.ReaderAt, size int64) (*zip.Reader, error) {
	bounded := &boundedReaderAt{file: file, left: maxZipListBytes}
	archive, err := zip.NewReader(bounded, size)
	if errors.Is(err, errListTooLong) {
		return nil, invalid("the ZIP archive holds too many files")
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, invalid("the context is no valid ZIP archive: %v", err)
	}
	bounded.left = -1
	return archive, nil
}

var errListTooLong = errors.New("the list of an archive is too long")

// boundedReaderAt refuses to read more than what is left, unless that is negative.
type boundedReaderAt struct {
	file io.ReaderAt
	left int64
}

func (r *boundedReaderAt) ReadAt(p []byte, at int64) (int, error) {
	if r.left >= 0 {
		if int64(len(p)) > r.left {
			return 0, errListTooLong
		}
		r.left -= int64(len(p))
	}
	return r.file.ReadAt(p, at)
}

func unzipMember(member *zip.File, times map[string]time.Time) error {
	if member.Flags&1 != 0 {
		return invalid("the ZIP archive holds %q encrypted", member.Name)
	}
	header := &tar.Header{
		Name: zipName(member), Mode: zipMode(member), ModTime: member.Modified, Format: tar.FormatPAX,
		Size: int64(member.UncompressedSize64),
	}
	switch mode := member.Mode(); {
	case mode.IsDir():
		header.Typeflag = tar.TypeDir
		return unpackEntry(header, nil, times)
	case mode.IsRegular():
		header.Typeflag = tar.TypeReg
	case mode&fs.ModeSymlink != 0:
		header.Typeflag = tar.TypeSymlink
	default:
		return invalid("the context holds %q, which is no file, directory or link", member.Name)
	}
	content, err := member.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if header.Typeflag == tar.TypeSymlink {
		if header.Linkname, err = linkTarget(content); err != nil {
			return err
		}
	}
	return unpackEntry(header, content, times)
}

func linkTarget(content io.Reader) (string, error) {
	target, err := io.ReadAll(io.LimitReader(content, maxLinkBytes+1))
	if err != nil {
		return "", err
	}
	if len(target) == 0 || len(target) > maxLinkBytes {
		return "", invalid("the context holds a link to %d bytes", len(target))
	}
	return string(target), nil
}

func isFromUnix(member *zip.File) bool {
	system := member.CreatorVersion >> 8
	return system == zipFromUnix || system == zipFromMac
}

// zipName has slashes, which some archives of Windows have the other way round.
func zipName(member *zip.File) string {
	if isFromUnix(member) {
		return member.Name
	}
	return strings.ReplaceAll(member.Name, `\`, "/")
}

// zipMode is what the archive says, where it comes from a system that has modes and says any.
func zipMode(member *zip.File) int64 {
	if permissions := member.Mode().Perm(); isFromUnix(member) && permissions != 0 {
		return int64(permissions)
	}
	if member.Mode().IsDir() {
		return 0o755
	}
	return 0o644
}

func explainZip(name string, err error) error {
	if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) ||
		errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("the ZIP archive is damaged, or compressed in an unknown way, at %q: %v", name, err)
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return invalid("the ZIP archive is damaged at %q: %v", name, err)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENAMETOOLONG) {
		return invalid("the context holds the name %.100q, which no file can have", name)
	}
	return err
}
