package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// Failure is what went wrong in words for who wrote the Dockerfile. Code is `not_found`, `invalid`, `no_space` or
// `internal`.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Message }

func notFound(path string) error {
	return &Failure{"not_found", fmt.Sprintf("%q: not found", path)}
}

func invalid(format string, values ...any) error {
	return &Failure{"invalid", fmt.Sprintf(format, values...)}
}

// AsFailure gives every error a code.
func AsFailure(err error) *Failure {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &Failure{"no_space", "no space left on the disk of the build"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, tar.ErrHeader):
		return &Failure{"invalid", "the archive is damaged or cut short"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENOTDIR):
		return &Failure{"not_found", err.Error()}
	}
	return &Failure{"internal", err.Error()}
}
