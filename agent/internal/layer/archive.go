package layer

import (
	"archive/tar"
	"bufio"
	"io"
	"os"
	"path"
	"strings"
)

const tarMagicOffset, tarMagic = 257, "ustar"

// unpack sends the members of an archive that ADD unpacks; false when the file is none.
func (w *walker) unpack(at string) (bool, error) {
	file, err := os.Open(at)
	if err != nil {
		return false, err
	}
	defer file.Close()
	plain, err := decompressed(file)
	if err != nil {
		// What only begins like a compressed file is one like any other.
		return false, onlyFailure(err)
	}
	reader := bufio.NewReaderSize(plain, 1<<16)
	if !isTar(reader) {
		return false, nil
	}
	return true, w.members(tar.NewReader(reader), at)
}

func isTar(reader *bufio.Reader) bool {
	start, _ := reader.Peek(tarMagicOffset + len(tarMagic))
	return len(start) == tarMagicOffset+len(tarMagic) && string(start[tarMagicOffset:]) == tarMagic
}

func (w *walker) members(archive *tar.Reader, at string) error {
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return invalid("%s is a damaged archive: %v", path.Base(at), err)
		}
		name, err := memberName(header.Name)
		if err != nil {
			return err
		}
		if name == "" {
			continue
		}
		header.Name, header.Format = treePrefix+name, tar.FormatPAX
		if err := w.sendMember(header, archive); err != nil {
			return err
		}
	}
}

func (w *walker) sendMember(header *tar.Header, content io.Reader) error {
	header.PAXRecords = imageRecords(header.PAXRecords)
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		header.Typeflag = tar.TypeReg
		return w.send(header, content)
	case tar.TypeLink:
		target, err := memberName(header.Linkname)
		if err != nil {
			return err
		}
		header.Linkname = treePrefix + target
		return w.send(header, nil)
	case tar.TypeDir, tar.TypeSymlink, tar.TypeFifo:
		return w.send(header, nil)
	}
	return nil
}

// imageRecords drops what the kernel of the host would take as orders.
func imageRecords(records map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range records {
		if name, isXattr := strings.CutPrefix(key, xattrPrefix); isXattr && belongsToImage(name) {
			kept[key] = value
		}
	}
	return kept
}

// memberName is "" for the root itself.
func memberName(name string) (string, error) {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", invalid("the archive holds the name %q, which leaves it", name)
		}
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/"), nil
}
