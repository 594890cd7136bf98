package layer

import (
	"archive/tar"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Export says how the upper directory of an overlay becomes a layer.
type Export struct {
	// LatestTime is what no file may be younger than, in seconds since 1970; 0 is no bound.
	LatestTime int64 `json:"latestTime"`
	// IDOffset and IDCount are the ids that the sandbox's ids have on the host. They are taken back, in place.
	IDOffset int `json:"idOffset"`
	IDCount  int `json:"idCount"`
	// MountPoints were made for the mounts of a step, unless something is in them.
	MountPoints []string `json:"mountPoints"`
	Bounds
}

// Exported tells what was written.
type Exported struct {
	Entries  int      `json:"entries"`
	Warnings []string `json:"warnings"`
}

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	opaqueXattr    = "trusted.overlay.opaque"
	originXattr    = "trusted.overlay.origin"
	nobody         = 65534
)

type exporter struct {
	options Export
	archive *tar.Writer
	tally   *tally
	names   map[inode]string
	result  Exported
}

func newExporter(e Export, out io.Writer) *exporter {
	counted := &tally{bounds: e.Bounds, out: out}
	return &exporter{
		options: e, archive: tar.NewWriter(counted), tally: counted, names: map[inode]string{}, result: Exported{Warnings: []string{}},
	}
}

// Write writes the root as a layer: in the order of names, so that equal trees give equal bytes.
func (e Export) Write(out io.Writer) (Exported, error) {
	for _, at := range e.MountPoints {
		removeMountPoint(path.Clean("/" + at))
	}
	x := newExporter(e, out)
	if err := x.restoreRoot(); err != nil {
		return x.result, err
	}
	if err := x.members("/"); err != nil {
		return x.result, err
	}
	return x.result, x.archive.Close()
}

// removeMountPoint also removes the directories above that came to be with it: those that no layer below has.
func removeMountPoint(at string) {
	for ; at != "/"; at = parentOf(at) {
		info, err := os.Lstat(at)
		if err != nil {
			continue
		}
		if info.Mode().IsRegular() && info.Size() > 0 || isCopied(at) {
			return
		}
		if os.Remove(at) != nil {
			return
		}
	}
}

func isCopied(at string) bool {
	_, err := readXattr(at, originXattr)
	return err == nil
}

func (x *exporter) members(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := x.entry(path.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) entry(at string) error {
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if isWhiteout(info) {
		return x.marker(path.Join(path.Dir(at), whiteoutPrefix+path.Base(at)))
	}
	if strings.HasPrefix(path.Base(at), whiteoutPrefix) {
		return invalid("%s: names that begin with %s cannot be part of an image", at, whiteoutPrefix)
	}
	header, err := headerOf(at, strings.TrimPrefix(at, "/"), info)
	if err != nil {
		return err
	}
	if header == nil {
		x.skip(at, info)
		return nil
	}
	if err := x.restore(at, header, info); err != nil {
		return err
	}
	x.bound(header)
	if header.Typeflag == tar.TypeDir {
		return x.directory(at, header)
	}
	return x.file(at, header, info)
}

func (x *exporter) skip(at string, info os.FileInfo) {
	if info.Mode()&os.ModeSocket == 0 {
		x.result.Warnings = append(x.result.Warnings, at+" is a device and is left out")
	}
}

func (x *exporter) directory(at string, header *tar.Header) error {
	if err := x.write(header, nil); err != nil {
		return err
	}
	if value, err := readXattr(at, opaqueXattr); err == nil && string(value) == "y" {
		if err := x.marker(path.Join(at, opaqueName)); err != nil {
			return err
		}
	}
	return x.members(at)
}

func (x *exporter) file(at string, header *tar.Header, info os.FileInfo) error {
	if node, isShared := inodeOf(info); isShared && header.Typeflag == tar.TypeReg {
		if first, isKnown := x.names[node]; isKnown {
			header.Typeflag, header.Linkname, header.Size, header.PAXRecords = tar.TypeLink, first, 0, nil
			return x.write(header, nil)
		}
		x.names[node] = header.Name
	}
	if header.Typeflag != tar.TypeReg {
		return x.write(header, nil)
	}
	content, err := openRegular(at)
	if err != nil {
		return err
	}
	defer content.Close()
	return x.write(header, content)
}

// marker is an empty file whose name says what it means. It has no time of its own.
func (x *exporter) marker(at string) error {
	return x.write(&tar.Header{
		Name: strings.TrimPrefix(at, "/"), Typeflag: tar.TypeReg, Mode: 0o600, ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
	}, nil)
}

func (x *exporter) write(header *tar.Header, content io.Reader) error {
	x.result.Entries++
	if err := x.tally.add(header); err != nil {
		return err
	}
	if err := x.archive.WriteHeader(header); err != nil {
		return invalid("/%s cannot be part of an image: %v", header.Name, err)
	}
	if content == nil {
		return nil
	}
	_, err := io.Copy(x.archive, io.LimitReader(content, header.Size))
	return err
}

func (x *exporter) bound(header *tar.Header) {
	latest := x.options.LatestTime
	if latest > 0 && header.ModTime.Unix() > latest {
		header.ModTime = time.Unix(latest, 0)
	}
}

// restore gives the file back to whom it belongs inside the sandbox. Giving it away takes its set-user-id bits and its
// capabilities, so they are set again.
func (x *exporter) restore(at string, header *tar.Header, info os.FileInfo) error {
	if x.options.IDCount == 0 {
		return nil
	}
	if _, isShared := inodeOf(info); isShared && x.isRestored(info) {
		header.Uid, header.Gid = x.inside(header.Uid), x.inside(header.Gid)
		return nil
	}
	header.Uid, header.Gid = x.inside(header.Uid), x.inside(header.Gid)
	modified := info.ModTime()
	if capability, isPresent := header.PAXRecords[xattrPrefix+capabilityXattr]; isPresent {
		header.PAXRecords[xattrPrefix+capabilityXattr] = rootless(capability)
	}
	if err := setAttributes(at, header); err != nil {
		return err
	}
	return setTime(at, modified)
}

// isRestored tells whether another name of the same file came first.
func (x *exporter) isRestored(info os.FileInfo) bool {
	node, _ := inodeOf(info)
	_, isKnown := x.names[node]
	return isKnown
}

func (x *exporter) restoreRoot() error {
	if x.options.IDCount == 0 {
		return nil
	}
	info, err := os.Lstat("/")
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return os.Lchown("/", x.inside(int(stat.Uid)), x.inside(int(stat.Gid)))
}

// inside is the sandbox's id. One that is below the range was given back already, by another name of the same file.
func (x *exporter) inside(id int) int {
	switch inside := id - x.options.IDOffset; {
	case inside >= 0 && inside < x.options.IDCount:
		return inside
	case id < x.options.IDCount:
		return id
	}
	return nobody
}

func isWhiteout(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&os.ModeCharDevice != 0 && stat.Rdev == unix.Mkdev(0, 0)
}
