package file

import (
	"archive/tar"
	"context"
	"io"
	"io/fs"
	"syscall"
	"time"

	"atoll.dev/agent/internal/account"
)

// maxKnownLinks bounds what is remembered to write hard links as such; beyond it they become files.
const maxKnownLinks = 100_000

// Archive is a folder that is opened to be read as a tar.
type Archive struct {
	system    *System
	as        account.Credential
	path      string
	selection Selection
}

// OpenArchive checks that the path is a folder which the user may read.
func (s *System) OpenArchive(as account.Credential, path string, selection Selection) (*Archive, error) {
	_, err := s.walkFolder(context.Background(), as, path, Selection{MaxDepth: 1}, func(node) error { return errStop })
	if err != nil {
		return nil, err
	}
	return &Archive{system: s, as: as, path: path, selection: selection}, nil
}

// WriteTo writes the folder, named ".", and all below it. Links stay links; sockets and devices are left out.
// What cannot be read is an error, for a reader of the archive could not see that it is missing.
func (a *Archive) WriteTo(ctx context.Context, into io.Writer) error {
	writer := tar.NewWriter(into)
	packer := &packer{writer: writer, known: map[inode]string{}}
	resolved, err := a.system.resolve(a.path)
	if err != nil {
		return err
	}
	err = a.as.ActAs(func() error {
		folder, err := openFolder(resolved)
		if err != nil {
			return err
		}
		defer folder.Close()
		info, err := folder.Stat(".")
		if err == nil {
			err = writer.WriteHeader(headerOf("./", info))
		}
		if err != nil {
			return err
		}
		left := func(_ string, cause error) error { return cause }
		tree := walk{ctx: ctx, selection: a.selection, visit: packer.add, left: left}
		return tree.below(folder, "", 1)
	})
	if err != nil {
		return err
	}
	return writer.Close()
}

type inode struct{ device, number uint64 }

type packer struct {
	writer *tar.Writer
	known  map[inode]string
}

func headerOf(name string, info fs.FileInfo) *tar.Header {
	header := &tar.Header{
		Name: name, Mode: int64(permissionsOf(info.Mode())),
		ModTime: info.ModTime().Truncate(time.Second), Typeflag: tar.TypeReg,
	}
	if uid, gid, known := ownerOf(info); known {
		header.Uid, header.Gid = uid, gid
	}
	if info.IsDir() {
		header.Typeflag = tar.TypeDir
	}
	return header
}

func (p *packer) add(n node) error {
	header := headerOf("./"+n.path, n.info)
	switch typeOf(n.info.Mode()) {
	case TypeDirectory:
		header.Name += "/"
		return p.writer.WriteHeader(header)
	case TypeSymlink:
		target, err := n.parent.Readlink(n.name)
		if err != nil {
			return err
		}
		header.Typeflag, header.Linkname = tar.TypeSymlink, target
		return p.writer.WriteHeader(header)
	case TypeFile:
		return p.addFile(n, header)
	}
	if n.info.Mode()&fs.ModeNamedPipe != 0 {
		header.Typeflag = tar.TypeFifo
		return p.writer.WriteHeader(header)
	}
	return nil
}

func (p *packer) addFile(n node, header *tar.Header) error {
	if first, isLink := p.linkTo(n); isLink {
		header.Typeflag, header.Linkname = tar.TypeLink, first
		return p.writer.WriteHeader(header)
	}
	file, err := n.open()
	if err != nil {
		return err
	}
	defer file.Close()
	// The size of now, not that of the look before it was opened.
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header.Size = info.Size()
	if err := p.writer.WriteHeader(header); err != nil {
		return err
	}
	return p.content(file, header.Size)
}

// content writes exactly as many bytes as the header says: a file that grows is cut, one that shrinks is
// filled up with zeros, as tar does.
func (p *packer) content(file io.Reader, sizeBytes int64) error {
	written, err := io.CopyBuffer(struct{ io.Writer }{p.writer}, io.LimitReader(file, sizeBytes), make([]byte, copyBufferBytes))
	if err != nil {
		return err
	}
	for written < sizeBytes {
		count, err := p.writer.Write(zeros[:min(holeBytes, sizeBytes-written)])
		if err != nil {
			return err
		}
		written += int64(count)
	}
	return nil
}

// linkTo returns the name that the file already has in the archive, or remembers this one.
func (p *packer) linkTo(n node) (string, bool) {
	status, ok := n.info.Sys().(*syscall.Stat_t)
	if !ok || status.Nlink < 2 {
		return "", false
	}
	id := inode{uint64(status.Dev), status.Ino}
	if first, known := p.known[id]; known {
		return first, true
	}
	if len(p.known) < maxKnownLinks {
		p.known[id] = "./" + n.path
	}
	return "", false
}
