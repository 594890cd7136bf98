package api

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"atoll.dev/agent/internal/bind"
)

// bindBody names a mount that the host has made and where it is to be seen.
type bindBody struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

func readBind(w http.ResponseWriter, r *http.Request) (bindBody, error) {
	var body bindBody
	if err := readJSON(w, r, &body); err != nil {
		return body, err
	}
	for _, path := range []string{body.Source, body.Target} {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.Contains(path, "\x00") {
			return body, invalid("source and target must be plain absolute paths")
		}
	}
	return body, nil
}

func bindMount(w http.ResponseWriter, r *http.Request) error {
	body, err := readBind(w, r)
	if err != nil {
		return err
	}
	err = bind.Bind(body.Source, body.Target)
	if errors.Is(err, bind.ErrNoPlace) {
		return invalid(err.Error())
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// unbindMount answers 204 where it has undone a bind, else that there was none.
func unbindMount(w http.ResponseWriter, r *http.Request) error {
	body, err := readBind(w, r)
	if err != nil {
		return err
	}
	found, err := bind.Unbind(body.Source, body.Target)
	if errors.Is(err, bind.ErrBusy) {
		return &failure{http.StatusConflict, "BUSY", body.Target + " is in use"}
	}
	if err != nil {
		return err
	}
	if !found {
		writeJSON(w, http.StatusOK, map[string]bool{"found": false})
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listMountUsers tells who keeps a mount from going.
func listMountUsers(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, http.StatusOK, map[string][]int{"pids": bind.Users(r.URL.Query().Get("path"))})
	return nil
}
