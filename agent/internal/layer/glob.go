package layer

import (
	"os"
	"path"
	"path/filepath"
	"strings"
)

// glob finds the paths that a pattern means, in order. A pattern that finds nothing finds nothing; a plain path is itself.
func glob(pattern string) ([]string, error) {
	return globBelow("/", strings.Split(strings.Trim(pattern, "/"), "/"))
}

func globBelow(dir string, parts []string) ([]string, error) {
	if len(parts) == 0 || parts[0] == "" {
		return []string{dir}, nil
	}
	part, rest := parts[0], parts[1:]
	if part == "**" {
		return globDeep(dir, rest)
	}
	if !strings.ContainsAny(part, `*?[\`) {
		return globName(dir, part, rest)
	}
	names, err := namesIn(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		fits, err := filepath.Match(part, name)
		if err != nil {
			return nil, invalid("%s is no pattern: %v", part, err)
		}
		if !fits {
			continue
		}
		more, err := globName(dir, name, rest)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func globName(dir, name string, rest []string) ([]string, error) {
	at := path.Join(dir, name)
	if _, err := os.Lstat(at); err != nil {
		return nil, nil
	}
	return globBelow(at, rest)
}

// globDeep lets `**` be no directory or any number of them.
func globDeep(dir string, rest []string) ([]string, error) {
	found, err := globBelow(dir, rest)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		found = nil
	}
	names, err := namesIn(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		at := path.Join(dir, name)
		if info, err := os.Lstat(at); err != nil || !info.IsDir() {
			if len(rest) == 0 && err == nil {
				found = append(found, at)
			}
			continue
		}
		more, err := globDeep(at, rest)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// namesIn is empty for what is no directory.
func namesIn(dir string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}
