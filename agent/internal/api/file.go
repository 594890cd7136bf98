package api

import (
	"errors"
	"io"
	"io/fs"
	"net/http"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/file"
)

type fileRoutes struct {
	files    *file.System
	accounts *account.Directory
}

// query reads path and the user whose permissions count, by default the image's.
func (f *fileRoutes) query(r *http.Request) (string, account.Credential, error) {
	q, credential, err := f.asked(r)
	if err != nil {
		return "", account.Credential{}, err
	}
	return q.text("path"), credential, nil
}

func (f *fileRoutes) read(w http.ResponseWriter, r *http.Request) error {
	path, credential, err := f.query(r)
	if err != nil {
		return err
	}
	opened, info, err := f.files.Open(credential, path)
	if err != nil {
		return fileFailure(path, err)
	}
	defer opened.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if info.Size() == 0 {
		// Files of /proc and /sys have content but no size.
		_, _ = io.Copy(w, opened)
		return nil
	}
	http.ServeContent(w, r, "", info.ModTime(), opened)
	return nil
}

func (f *fileRoutes) write(w http.ResponseWriter, r *http.Request) error {
	path, credential, err := f.query(r)
	if err != nil {
		return err
	}
	if err := f.files.Write(credential, path, r.Body); err != nil {
		return fileFailure(path, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (f *fileRoutes) remove(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	path, remove := q.text("path"), f.files.Remove
	if q.flag("recursive") {
		remove = f.files.RemoveAll
	}
	if q.err != nil {
		return q.err
	}
	return changed(w, path, remove(credential, path))
}

func (f *fileRoutes) list(w http.ResponseWriter, r *http.Request) error {
	path, credential, err := f.query(r)
	if err != nil {
		return err
	}
	entries, err := f.files.List(credential, path)
	if err != nil {
		return fileFailure(path, err)
	}
	writeJSON(w, http.StatusOK, map[string]any{"path": path, "entries": entries})
	return nil
}

// fileFailures map errors to the wire, the first that fits.
var fileFailures = []struct {
	cause   error
	status  int
	code    string
	message string
}{
	{file.ErrInvalidPath, http.StatusBadRequest, "INVALID_PATH", "path is missing or contains NUL"},
	{file.ErrPathTraversal, http.StatusForbidden, "PATH_TRAVERSAL", "Path traversal not allowed"},
	{file.ErrIsDirectory, http.StatusBadRequest, "IS_DIRECTORY", "Path is a directory"},
	{file.ErrNotADirectory, http.StatusBadRequest, "NOT_A_DIRECTORY", "Path is not a directory"},
	{file.ErrNotRegular, http.StatusBadRequest, "NOT_A_REGULAR_FILE", "Path is not a regular file"},
	{file.ErrTruncated, http.StatusBadRequest, "TRUNCATED_BODY", "request body ended early; nothing was written"},
	{file.ErrInvalidArchive, http.StatusBadRequest, "INVALID_ARCHIVE", "the body is no archive that can be unpacked here"},
	{file.ErrExists, http.StatusConflict, "ALREADY_EXISTS", "Path already exists"},
	{file.ErrNotEmpty, http.StatusConflict, "NOT_EMPTY", "Directory is not empty"},
	{file.ErrIntoItsOwn, http.StatusBadRequest, "INVALID_PATH", "A directory cannot be put into itself"},
	{file.ErrIsRoot, http.StatusBadRequest, "INVALID_PATH", "The root directory cannot be moved, replaced or deleted"},
	{fs.ErrExist, http.StatusConflict, "ALREADY_EXISTS", "Path already exists"},
	{unix.ENOTEMPTY, http.StatusConflict, "NOT_EMPTY", "Directory is not empty"},
	{fs.ErrNotExist, http.StatusNotFound, "NOT_FOUND", "File not found"},
	{fs.ErrPermission, http.StatusForbidden, "PERMISSION_DENIED", "Permission denied"},
	{unix.EROFS, http.StatusForbidden, "PERMISSION_DENIED", "Read-only file system"},
	{unix.ENOTDIR, http.StatusBadRequest, "NOT_A_DIRECTORY", "A parent of the path is not a directory"},
	{unix.EISDIR, http.StatusBadRequest, "IS_DIRECTORY", "Path is a directory"},
	{unix.ENXIO, http.StatusBadRequest, "NOT_A_REGULAR_FILE", "Path is not a regular file"},
	{unix.ENAMETOOLONG, http.StatusBadRequest, "INVALID_PATH", "Path is too long"},
	{unix.ELOOP, http.StatusBadRequest, "INVALID_PATH", "Too many levels of symbolic links"},
	{unix.EINVAL, http.StatusBadRequest, "INVALID_PATH", "Invalid path"},
	{unix.ENOSPC, http.StatusInsufficientStorage, "NO_SPACE", "No space left on device"},
	{unix.EDQUOT, http.StatusInsufficientStorage, "NO_SPACE", "Disk quota exceeded"},
	{file.ErrTooManyWatches, http.StatusTooManyRequests, "TOO_MANY_WATCHES", "Too many folders are watched; end a watch first"},
	{unix.EFBIG, http.StatusInsufficientStorage, "NO_SPACE", "File too large"},
}

func fileFailure(path string, err error) error {
	for _, known := range fileFailures {
		if errors.Is(err, known.cause) {
			message := known.message + ": " + path
			if known.cause == file.ErrInvalidArchive {
				message = err.Error()
			}
			return &failure{known.status, known.code, message}
		}
	}
	return err
}
