package layer

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const xattrPrefix = "SCHILY.xattr."

// inode tells files with several names.
type inode struct{ device, number uint64 }

// headerOf describes what is at path as a tar header under name. Nil for what no archive holds: sockets and devices.
func headerOf(path, name string, info os.FileInfo) (*tar.Header, error) {
	stat := info.Sys().(*syscall.Stat_t)
	header := &tar.Header{
		Name: name, Mode: int64(stat.Mode & 0o7777), Uid: int(stat.Uid), Gid: int(stat.Gid),
		ModTime: info.ModTime().Truncate(time.Second), Format: tar.FormatPAX,
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	case mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, strings.TrimSuffix(name, "/")+"/"
	case mode&os.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return nil, err
		}
		header.Typeflag, header.Linkname = tar.TypeSymlink, target
	case mode&os.ModeNamedPipe != 0:
		header.Typeflag = tar.TypeFifo
	default:
		return nil, nil
	}
	return header, addXattrs(path, header)
}

// addXattrs keeps what belongs to the image: file capabilities, access lists and the user's own.
func addXattrs(path string, header *tar.Header) error {
	names, err := listXattrs(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !belongsToImage(name) {
			continue
		}
		value, err := readXattr(path, name)
		if err != nil {
			return err
		}
		if header.PAXRecords == nil {
			header.PAXRecords = map[string]string{}
		}
		header.PAXRecords[xattrPrefix+name] = string(value)
	}
	return nil
}

func belongsToImage(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "system.posix_acl_") ||
		(strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay."))
}

func listXattrs(path string) ([]string, error) {
	size, err := unix.Llistxattr(path, nil)
	if errors.Is(err, unix.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "listxattr", Path: path, Err: err}
	}
	buffer := make([]byte, size)
	if size, err = unix.Llistxattr(path, buffer); err != nil {
		return nil, &os.PathError{Op: "listxattr", Path: path, Err: err}
	}
	return strings.FieldsFunc(string(buffer[:size]), func(r rune) bool { return r == 0 }), nil
}

func readXattr(path, name string) ([]byte, error) {
	size, err := unix.Lgetxattr(path, name, nil)
	if err != nil {
		return nil, &os.PathError{Op: "getxattr", Path: path, Err: err}
	}
	buffer := make([]byte, size)
	size, err = unix.Lgetxattr(path, name, buffer)
	if err != nil {
		return nil, &os.PathError{Op: "getxattr", Path: path, Err: err}
	}
	return buffer[:size], nil
}

// openRegular opens a file that is not expected to change; a pipe that took its place must not hold us.
func openRegular(path string) (io.ReadCloser, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

func inodeOf(info os.FileInfo) (inode, bool) {
	stat := info.Sys().(*syscall.Stat_t)
	return inode{uint64(stat.Dev), stat.Ino}, stat.Nlink > 1 && !info.IsDir()
}
