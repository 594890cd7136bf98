package layer

import (
	"os"
	"path"
)

// Discarded are files below the root that no step may see.
type Discarded struct {
	Paths []string `json:"paths"`
	// Patterns are those of a .dockerignore.
	Patterns []string `json:"patterns"`
}

// Remove takes them away, where they are.
func (d Discarded) Remove() error {
	for _, path := range d.Paths {
		if err := os.RemoveAll("/" + path); err != nil {
			return err
		}
	}
	ignored, err := compilePatterns(d.Patterns)
	if err != nil || len(ignored) == 0 {
		return err
	}
	_, err = ignored.discard("/", "")
	return err
}

// discard removes what is ignored in a directory, and tells whether anything is left in it.
func (p patterns) discard(dir, relative string) (keepsAny bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		isKept, err := p.discardEntry(path.Join(dir, entry.Name()), path.Join(relative, entry.Name()), entry.IsDir())
		if err != nil {
			return false, err
		}
		keepsAny = keepsAny || isKept
	}
	return keepsAny, nil
}

func (p patterns) discardEntry(at, relative string, isDir bool) (isKept bool, err error) {
	isIgnored := p.excludes(relative)
	if isDir && (!isIgnored || p.keepsSome()) {
		keepsAny, err := p.discard(at, relative)
		if err != nil || keepsAny {
			return true, err
		}
	}
	if !isIgnored {
		return true, nil
	}
	return false, os.RemoveAll(at)
}
