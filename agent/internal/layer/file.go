package layer

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// File is one to be read whole.
type File struct {
	Path     string `json:"path"`
	MaxBytes int64  `json:"maxBytes"`
}

// Read writes the content of a regular file; links are followed inside the root.
func (f File) Read(out io.Writer) error {
	file, err := os.OpenFile("/"+f.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return notFound(f.Path)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return invalid("%s is no file", f.Path)
	}
	if info.Size() > f.MaxBytes {
		return invalid("%s has %d bytes; at most %d are read", f.Path, info.Size(), f.MaxBytes)
	}
	_, err = io.Copy(out, io.LimitReader(file, f.MaxBytes))
	return err
}
