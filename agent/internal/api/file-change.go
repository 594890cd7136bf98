package api

import (
	"net/http"
	"strings"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/file"
)

const newFolderPermissions = 0o755

// changed answers a change that has no result.
func changed(w http.ResponseWriter, path string, err error) error {
	if err != nil {
		return fileFailure(path, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (f *fileRoutes) mkdir(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	permissions, withParents := q.permissions("mode"), q.flag("parents")
	if q.err != nil {
		return q.err
	}
	if permissions == nil {
		permissions = new(uint32)
		*permissions = newFolderPermissions
	}
	path := q.text("path")
	return changed(w, path, f.files.MakeFolder(credential, path, *permissions, withParents))
}

func (f *fileRoutes) move(w http.ResponseWriter, r *http.Request) error {
	return f.transfer(w, r, f.files.Move)
}

func (f *fileRoutes) copy(w http.ResponseWriter, r *http.Request) error {
	return f.transfer(w, r, f.files.Copy)
}

func (f *fileRoutes) transfer(
	w http.ResponseWriter, r *http.Request, act func(as account.Credential, from, to string, overwrite bool) error,
) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	overwrite := q.flag("overwrite")
	if q.err != nil {
		return q.err
	}
	from, to := q.text("path"), q.text("to")
	return changed(w, from+" to "+to, act(credential, from, to, overwrite))
}

func (f *fileRoutes) setAttributes(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	attributes := file.Attributes{Permissions: q.permissions("mode"), Recursive: q.flag("recursive")}
	if q.err != nil {
		return q.err
	}
	if err := f.readOwner(q, &attributes); err != nil {
		return err
	}
	path := q.text("path")
	if attributes.Permissions == nil && attributes.UID == nil && attributes.GID == nil {
		return invalid("mode, owner or group is needed")
	}
	return changed(w, path, f.files.SetAttributes(credential, path, attributes))
}

// readOwner takes owner as "name", "uid" or "name:group", and group alone.
func (f *fileRoutes) readOwner(q *query, attributes *file.Attributes) error {
	owner, group := q.text("owner"), q.text("group")
	if owner != "" {
		found, err := f.accounts.Resolve(owner)
		if err != nil {
			return userFailure(err)
		}
		attributes.UID = &found.UID
		if strings.Contains(owner, ":") {
			attributes.GID = &found.GID
		}
	}
	if group != "" {
		found, err := f.accounts.Resolve("0:" + group)
		if err != nil {
			return userFailure(err)
		}
		attributes.GID = &found.GID
	}
	return nil
}

func (f *fileRoutes) download(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	selection := selectionOf(q)
	if q.err != nil {
		return q.err
	}
	archive, err := f.files.OpenArchive(credential, q.text("path"), selection)
	if err != nil {
		return fileFailure(q.text("path"), err)
	}
	counted := &countedWriter{w: w}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := archive.WriteTo(r.Context(), counted); err != nil {
		if counted.started {
			// The status is out: only a broken answer still says that the archive is not whole.
			panic(http.ErrAbortHandler)
		}
		return fileFailure(q.text("path"), err)
	}
	return nil
}

type countedWriter struct {
	w       http.ResponseWriter
	started bool
}

func (c *countedWriter) Write(data []byte) (int, error) {
	c.started = true
	return c.w.Write(data)
}

func (f *fileRoutes) upload(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	keepOwners := q.flag("keep_owners")
	if q.err != nil {
		return q.err
	}
	extracted, err := f.files.Extract(credential, q.text("path"), r.Body, keepOwners)
	if err != nil {
		return fileFailure(q.text("path"), err)
	}
	writeJSON(w, http.StatusOK, extracted)
	return nil
}
