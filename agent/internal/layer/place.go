package layer

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Placement is where COPY, ADD and WORKDIR put things in the tree that is the root.
type Placement struct {
	// Destination is absolute; a "/" at its end makes it a directory.
	Destination string `json:"destination"`
	Chown       string `json:"chown"`
	Chmod       string `json:"chmod"`
	// MakesDirectory makes the destination and takes nothing in.
	MakesDirectory bool `json:"makesDirectory"`
}

type placer struct {
	destination string
	isDirectory bool
	owner       *owner
	mode        modeChange
	fileCount   int
	// times of directories, set when nothing is put into them any more.
	times map[string]time.Time
	// names at which what was sent has come to lie.
	placed map[string]string
}

// Place puts what Pack wrote at the destination.
func Place(placement Placement, in io.Reader) error {
	p, err := newPlacer(placement)
	if err != nil {
		return err
	}
	if placement.MakesDirectory {
		return p.owner.makeDirs(p.destination)
	}
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return p.setTimes()
		}
		if err != nil {
			return err
		}
		if err := p.entry(header, archive); err != nil {
			return err
		}
	}
}

func newPlacer(placement Placement) (*placer, error) {
	owner, err := parseOwner(placement.Chown)
	if err != nil {
		return nil, err
	}
	mode, err := parseMode(placement.Chmod)
	if err != nil {
		return nil, err
	}
	destination := path.Clean(placement.Destination)
	info, err := os.Stat(destination)
	isDirectory := strings.HasSuffix(placement.Destination, "/") || err == nil && info.IsDir()
	return &placer{
		destination: destination, isDirectory: isDirectory, owner: owner, mode: mode,
		times: map[string]time.Time{}, placed: map[string]string{},
	}, nil
}

func (p *placer) entry(header *tar.Header, content io.Reader) error {
	sent := strings.TrimSuffix(header.Name, "/")
	p.owner.apply(header)
	target, isTop, err := p.target(header)
	if err != nil {
		return err
	}
	if header.Typeflag != tar.TypeSymlink {
		header.Mode = p.mode(header.Mode, header.Typeflag == tar.TypeDir)
	}
	if header.Typeflag == tar.TypeDir {
		return p.directory(target, header, isTop)
	}
	if err := p.makeRoom(target); err != nil {
		return err
	}
	p.placed[sent] = target
	return p.create(target, header, content)
}

// target is where an entry goes, and whether it is the destination itself.
func (p *placer) target(header *tar.Header) (string, bool, error) {
	if name, isFile := strings.CutPrefix(header.Name, filePrefix); isFile {
		p.fileCount++
		if p.isDirectory {
			return path.Join(p.destination, name), false, p.owner.makeDirs(p.destination)
		}
		if p.fileCount > 1 {
			return "", false, invalid("with several sources the destination %s is a directory and must end with \"/\"", p.destination)
		}
		target, err := followLink(p.destination)
		if err != nil {
			return "", false, err
		}
		return target, true, p.owner.makeDirs(parentOf(target))
	}
	name := strings.TrimPrefix(strings.TrimSuffix(header.Name, "/"), strings.TrimSuffix(treePrefix, "/"))
	target := path.Join(p.destination, name)
	if target == p.destination {
		return target, true, p.owner.makeDirs(parentOf(target))
	}
	return target, false, p.owner.makeDirs(parentOf(target))
}

// directory leaves the destination as it is where it exists; below it, the source's modes and owners count.
func (p *placer) directory(target string, header *tar.Header, isTop bool) error {
	info, err := os.Stat(target)
	if err == nil && !info.IsDir() {
		return invalid("a directory cannot replace the file %s", target)
	}
	if err == nil && isTop {
		return nil
	}
	if err != nil {
		if err := p.owner.makeDirs(target); err != nil {
			return err
		}
	}
	p.times[target] = header.ModTime
	return setAttributes(target, header)
}

// makeRoom removes the file that is replaced, so that no other name of it changes.
func (p *placer) makeRoom(target string) error {
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return invalid("a file cannot replace the directory %s", target)
	}
	return os.Remove(target)
}

func (p *placer) create(target string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeReg:
		return createFile(target, header, content)
	case tar.TypeLink:
		first, isPlaced := p.placed[header.Linkname]
		if !isPlaced {
			return invalid("%s is a link to a file that was not sent", target)
		}
		return os.Link(first, target)
	case tar.TypeSymlink:
		if err := os.Symlink(header.Linkname, target); err != nil {
			return err
		}
	case tar.TypeFifo:
		if err := unix.Mkfifo(target, 0o600); err != nil {
			return err
		}
	default:
		return nil
	}
	return errors.Join(setAttributes(target, header), setTime(target, header.ModTime))
}

func createFile(target string, header *tar.Header, content io.Reader) error {
	file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := setAttributes(target, header); err != nil {
		return err
	}
	return setTime(target, header.ModTime)
}

// setAttributes in this order: giving a file away takes its set-user-id bits and capabilities.
func setAttributes(target string, header *tar.Header) error {
	if err := os.Lchown(target, header.Uid, header.Gid); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeSymlink {
		if err := unix.Fchmodat(unix.AT_FDCWD, target, uint32(header.Mode&0o7777), 0); err != nil {
			return &os.PathError{Op: "chmod", Path: target, Err: err}
		}
	}
	for key, value := range header.PAXRecords {
		name, isXattr := strings.CutPrefix(key, xattrPrefix)
		if !isXattr || !belongsToImage(name) {
			continue
		}
		if err := unix.Lsetxattr(target, name, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
			return &os.PathError{Op: "setxattr", Path: target, Err: err}
		}
	}
	return nil
}

func (p *placer) setTimes() error {
	for target, moment := range p.times {
		if err := setTime(target, moment); err != nil {
			return err
		}
	}
	return nil
}

func setTime(target string, moment time.Time) error {
	times := []unix.Timespec{unix.NsecToTimespec(moment.UnixNano()), unix.NsecToTimespec(moment.UnixNano())}
	return unix.UtimesNanoAt(unix.AT_FDCWD, target, times, unix.AT_SYMLINK_NOFOLLOW)
}
