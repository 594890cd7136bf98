package build

import (
	"archive/tar"
	"bufio"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// archive writes a folder as a tar archive: files, folders and links; nothing else belongs into a context. No folder
// is an empty archive.
func archive(to io.Writer, dir string) error {
	buffered := bufio.NewWriterSize(to, 256<<10)
	writer := tar.NewWriter(buffered)
	if dir != "" {
		if err := addAll(writer, dir); err != nil {
			return err
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

func addAll(writer *tar.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return add(writer, path, name, entry)
	})
}

func add(writer *tar.Writer, path, name string, entry fs.DirEntry) error {
	kind := entry.Type()
	if !kind.IsRegular() && !kind.IsDir() && kind != fs.ModeSymlink {
		return nil
	}
	header, err := headerOf(path, name, entry)
	if err != nil {
		return err
	}
	if err := writer.WriteHeader(header); err != nil || !kind.IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.CopyN(writer, file, header.Size)
	return err
}

func headerOf(path, name string, entry fs.DirEntry) (*tar.Header, error) {
	info, err := entry.Info()
	if err != nil {
		return nil, err
	}
	target := ""
	if entry.Type() == fs.ModeSymlink {
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	header.Name = name
	if entry.IsDir() {
		header.Name += "/"
	}
	// Whoever copied the context into the sandbox is of no meaning to the image.
	header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
	header.Format = tar.FormatPAX
	return header, nil
}
