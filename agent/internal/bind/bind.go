// Package bind puts what the host mounts into a sandbox that runs at the place where its user wants it. It is for the
// runtime whose kernel the sandbox has to itself: elsewhere the host does this.
package bind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrBusy says that a process of the sandbox uses what was to go.
var ErrBusy = errors.New("in use")

// ErrNoPlace says that a folder cannot be at that path.
var ErrNoPlace = errors.New("no folder can be there")

// Bind shows source at target as well, and makes target where there is none. It does nothing where that is so already.
func Bind(source, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("%w: %w", ErrNoPlace, err)
	}
	if isSame(source, target) {
		return nil
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", target, err)
	}
	return nil
}

// Unbind undoes Bind, also one that was asked for twice at once, and tells whether there was one. Where something else is
// at target it does nothing: root in the sandbox was faster. Target may be a link, as it may for Bind.
func Unbind(source, target string) (found bool, err error) {
	for isSame(source, target) {
		place, err := filepath.EvalSymlinks(target)
		if err == nil {
			err = unix.Unmount(place, unix.UMOUNT_NOFOLLOW)
		}
		if errors.Is(err, unix.EBUSY) {
			return true, ErrBusy
		}
		if err != nil {
			return true, fmt.Errorf("unmount %s: %w", target, err)
		}
		found = true
	}
	return found, nil
}

func isSame(a, b string) bool {
	first, second := unix.Stat_t{}, unix.Stat_t{}
	if unix.Stat(a, &first) != nil || unix.Stat(b, &second) != nil {
		return false
	}
	return first.Dev == second.Dev && first.Ino == second.Ino
}
