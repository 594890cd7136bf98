package layer

import (
	"os"
	"path"
)

const maxLinks = 40

func parentOf(at string) string { return path.Dir(at) }

func resolveLink(dir, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(dir, target)
}

// followLink is where writing to a path ends up, whether or not there is something.
func followLink(at string) (string, error) {
	for range maxLinks {
		target, err := os.Readlink(at)
		if err != nil {
			return at, nil
		}
		at = resolveLink(parentOf(at), target)
	}
	return "", invalid("%s leads in a circle", at)
}
