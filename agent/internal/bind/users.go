package bind

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxUsers is as many as somebody wants to read.
const maxUsers = 10

// Users are processes that have something at or below path open, work there, or run a program of it.
func Users(path string) []int {
	found := []int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return found
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !uses(entry.Name(), path) {
			continue
		}
		if found = append(found, pid); len(found) == maxUsers {
			break
		}
	}
	return found
}

func uses(pid, path string) bool {
	base := filepath.Join("/proc", pid)
	links := []string{filepath.Join(base, "cwd"), filepath.Join(base, "root"), filepath.Join(base, "exe")}
	files, _ := os.ReadDir(filepath.Join(base, "fd"))
	for _, file := range files {
		links = append(links, filepath.Join(base, "fd", file.Name()))
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && (target == path || strings.HasPrefix(target, path+"/")) {
			return true
		}
	}
	return false
}
