package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lookPath finds a command as execvp does, in the process's own PATH and relative to its own folder.
func lookPath(command, pathVariable, cwd string) (string, error) {
	if strings.Contains(command, "/") {
		return command, nil
	}
	failure := error(syscall.ENOENT)
	for _, dir := range filepath.SplitList(pathVariable) {
		candidate := filepath.Join(dir, command)
		if !filepath.IsAbs(dir) {
			candidate = filepath.Join(cwd, dir, command)
		}
		info, err := os.Stat(candidate)
		if err != nil || info.IsDir() {
			continue
		}
		if info.Mode()&0o111 != 0 {
			return candidate, nil
		}
		failure = syscall.EACCES
	}
	return "", failure
}

// checkFolder tells a missing working directory from a missing command: exec reports both alike.
func checkFolder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	return nil
}
