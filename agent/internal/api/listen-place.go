package api

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// listenPlace is where a caller wants to be connected to.
type listenPlace interface {
	listen() (net.Listener, error)
}

// placeOf reads `host` and `port`, or `path`, `uid`, `gid` and `mode`.
func placeOf(query url.Values) (listenPlace, error) {
	if query.Has("path") {
		return socketPlaceOf(query)
	}
	port, err := strconv.ParseUint(query.Get("port"), 10, 16)
	if err != nil {
		return nil, &failure{http.StatusBadRequest, "INVALID_PORT", "port must be a number from 0 to 65535"}
	}
	return portPlace{query.Get("host"), port}, nil
}

type portPlace struct {
	host string
	port uint64
}

func (p portPlace) listen() (net.Listener, error) {
	host := p.host
	if host == "localhost" || host == "" {
		host = "127.0.0.1"
	}
	if host == "*" {
		host = "0.0.0.0"
	}
	return net.Listen("tcp", net.JoinHostPort(host, strconv.FormatUint(p.port, 10)))
}

// socketPlace is a socket in the file system, which shows it to whom it belongs.
type socketPlace struct {
	path     string
	uid, gid int
	mode     fs.FileMode
}

func socketPlaceOf(query url.Values) (listenPlace, error) {
	uid, uidErr := strconv.ParseUint(query.Get("uid"), 10, 32)
	gid, gidErr := strconv.ParseUint(query.Get("gid"), 10, 32)
	mode, modeErr := strconv.ParseUint(query.Get("mode"), 8, 12)
	path := query.Get("path")
	if errors.Join(uidErr, gidErr, modeErr) != nil || !filepath.IsAbs(path) {
		message := "a socket needs an absolute path, the numbers uid and gid, and mode in octal"
		return nil, &failure{http.StatusBadRequest, "INVALID_PATH", message}
	}
	return socketPlace{filepath.Clean(path), int(uid), int(gid), fs.FileMode(mode)}, nil
}

// listen makes the folders that are missing too. All of it goes again with the listener.
func (p socketPlace) listen() (net.Listener, error) {
	made, err := makeFolders(filepath.Dir(p.path))
	if err != nil {
		removeFolders(made)
		return nil, err
	}
	listener, err := net.Listen("unix", p.path)
	if err != nil {
		removeFolders(made)
		return nil, err
	}
	placed := &placedSocket{listener, made}
	if err := errors.Join(os.Chown(p.path, p.uid, p.gid), os.Chmod(p.path, p.mode)); err != nil {
		_ = placed.Close()
		return nil, err
	}
	return placed, nil
}

// placedSocket removes its file when it is closed, as sockets of package net do, and then what was made for it.
type placedSocket struct {
	net.Listener
	made []string
}

func (s *placedSocket) Close() error {
	err := s.Listener.Close()
	removeFolders(s.made)
	return err
}

// makeFolders tells which folders it has made, the outermost first, also when it fails.
func makeFolders(path string) ([]string, error) {
	_, err := os.Stat(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	made, err := makeFolders(filepath.Dir(path))
	if err != nil {
		return made, err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return made, err
	}
	return append(made, path), nil
}

// removeFolders leaves those that something else was put into.
func removeFolders(made []string) {
	for i := len(made) - 1; i >= 0 && os.Remove(made[i]) == nil; i-- {
	}
}
