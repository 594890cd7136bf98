package file

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

// Describe tells all that is known of each thing in a folder, by name. Symbolic links are described as what they point
// to; one that points nowhere is described itself.
func (s *System) Describe(as account.Credential, path string) ([]Info, error) {
	resolved, err := s.resolve(path)
	if err != nil {
		return nil, err
	}
	var infos []Info
	err = as.ActAs(func() error {
		entries, err := os.ReadDir(resolved)
		for _, entry := range entries {
			info, err := os.Stat(filepath.Join(resolved, entry.Name()))
			if err != nil {
				info, err = entry.Info()
			}
			if err == nil {
				infos = append(infos, infoOf(entry.Name(), info))
			}
		}
		return err
	})
	if errors.Is(err, unix.ENOTDIR) {
		err = ErrNotADirectory
	}
	return infos, err
}

// RemoveEmpty deletes a file, a link or a folder with nothing in it.
func (s *System) RemoveEmpty(as account.Credential, path string) error {
	resolved, err := s.resolve(path)
	if err != nil {
		return err
	}
	return as.ActAs(func() error {
		if _, err := os.Lstat(resolved); err != nil {
			return err
		}
		return os.Remove(resolved)
	})
}
