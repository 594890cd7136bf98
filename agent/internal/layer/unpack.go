package layer

import (
	"archive/tar"
	"bufio"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Unpack fills the root with the archive of a context, tar or ZIP. Everything in it belongs to root.
func Unpack(stream io.Reader) error {
	in := bufio.NewReader(stream)
	if isZip(in) {
		return unzip(in)
	}
	archive := tar.NewReader(in)
	times := map[string]time.Time{}
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return setAll(times)
		}
		if err != nil {
			return invalid("the context is no valid tar archive: %v", err)
		}
		if err := unpackEntry(header, archive, times); err != nil {
			return err
		}
	}
}

func setAll(times map[string]time.Time) error {
	for target, moment := range times {
		if err := setTime(target, moment); err != nil {
			return err
		}
	}
	return nil
}

func unpackEntry(header *tar.Header, content io.Reader, times map[string]time.Time) error {
	if path.IsAbs(header.Name) {
		return invalid("the context holds the absolute name %q", header.Name)
	}
	name, err := memberName(header.Name)
	if err != nil {
		return err
	}
	target := "/" + name
	header.Uid, header.Gid, header.PAXRecords = 0, 0, imageRecords(header.PAXRecords)
	if err := requirePlainParents(target); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeDir {
		times[target] = header.ModTime
		return unpackDirectory(target, header)
	}
	if target == "/" {
		return invalid("the context replaces its own root")
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return unpackFile(target, header, content)
}

// requirePlainParents makes missing directories, and refuses to write through a link.
func requirePlainParents(target string) error {
	dir := parentOf(target)
	if dir == "/" {
		return nil
	}
	if info, err := os.Lstat(dir); err == nil && info.IsDir() {
		return nil
	} else if err == nil {
		return invalid("the context writes below %s, which is no directory", strings.TrimPrefix(dir, "/"))
	}
	if err := requirePlainParents(dir); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o755)
}

func unpackDirectory(target string, header *tar.Header) error {
	if info, err := os.Lstat(target); err == nil && !info.IsDir() {
		return invalid("the context holds %s twice, once as a directory", header.Name)
	} else if err != nil {
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
	}
	return setAttributes(target, header)
}

func unpackFile(target string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		header.Typeflag = tar.TypeReg
		return createFile(target, header, content)
	case tar.TypeSymlink:
		if err := os.Symlink(header.Linkname, target); err != nil {
			return err
		}
		return setTime(target, header.ModTime)
	case tar.TypeLink:
		name, err := memberName(header.Linkname)
		if err != nil {
			return err
		}
		if err := requirePlainParents("/" + name); err != nil {
			return err
		}
		if err := os.Link("/"+name, target); err != nil {
			return invalid("the context links %s to %s, which it does not hold", header.Name, header.Linkname)
		}
		return nil
	case tar.TypeFifo:
		return unix.Mkfifo(target, uint32(header.Mode&0o777))
	}
	return invalid("the context holds %s, which is no file, directory or link", header.Name)
}
