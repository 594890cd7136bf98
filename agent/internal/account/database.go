// Package account resolves the users of an image to credentials, from its own passwd and group files.
package account

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

type user struct {
	name  string
	uid   uint32
	gid   uint32
	home  string
	shell string
}

type group struct {
	name    string
	gid     uint32
	members []string
}

// database is passwd and group of a root, read again when one of the files changed.
type database struct {
	root string

	mu     sync.Mutex
	stamp  [2]fileStamp
	users  []user
	groups []group
}

type fileStamp struct {
	modified time.Time
	size     int64
}

func (d *database) load() ([]user, []group) {
	d.mu.Lock()
	defer d.mu.Unlock()
	paths := [2]string{filepath.Join(d.root, "etc/passwd"), filepath.Join(d.root, "etc/group")}
	stamp := [2]fileStamp{stampOf(paths[0]), stampOf(paths[1])}
	if stamp != d.stamp || d.users == nil {
		d.stamp = stamp
		d.users, d.groups = parseFile(paths[0], parseUser), parseFile(paths[1], parseGroup)
	}
	return d.users, d.groups
}

func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}

// parseFile skips lines it does not understand, as the C library does. The result is never nil.
func parseFile[T any](path string, parse func(fields []string) (T, bool)) []T {
	entries := []T{}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return entries
	}
	file, err := os.Open(path)
	if err != nil {
		return entries
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if entry, ok := parse(strings.Split(strings.TrimSpace(scanner.Text()), ":")); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

func parseUser(fields []string) (user, bool) {
	if len(fields) < 7 || fields[0] == "" || strings.HasPrefix(fields[0], "#") {
		return user{}, false
	}
	uid, uidErr := parseID(fields[2])
	gid, gidErr := parseID(fields[3])
	if uidErr != nil || gidErr != nil {
		return user{}, false
	}
	return user{name: fields[0], uid: uid, gid: gid, home: fields[5], shell: fields[6]}, true
}

func parseGroup(fields []string) (group, bool) {
	if len(fields) < 4 || fields[0] == "" || strings.HasPrefix(fields[0], "#") {
		return group{}, false
	}
	gid, err := parseID(fields[2])
	if err != nil {
		return group{}, false
	}
	return group{name: fields[0], gid: gid, members: strings.Split(fields[3], ",")}, true
}

// parseID refuses the value that setuid calls read as "leave unchanged".
func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, err
	}
	if id == 1<<32-1 {
		return 0, strconv.ErrRange
	}
	return uint32(id), nil
}
