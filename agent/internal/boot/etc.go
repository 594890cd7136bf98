package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteEtc writes hostname, hosts, resolv.conf and machine-id. Images may hold anything at these paths, and
// may have no writable /etc at all, so what fails is returned for the log and stops nothing.
func WriteEtc(config *Config) error {
	etc, err := os.OpenRoot(config.Root)
	if err != nil {
		return err
	}
	defer etc.Close()
	_ = etc.Mkdir("etc", 0o755)
	var failures []error
	for name, content := range etcFiles(config) {
		if err := replaceFile(etc, filepath.Join("etc", name), content); err != nil {
			failures = append(failures, fmt.Errorf("write /etc/%s: %w", name, err))
		}
	}
	return errors.Join(failures...)
}

func etcFiles(config *Config) map[string]string {
	files := map[string]string{
		"hostname":   config.Hostname + "\n",
		"hosts":      hostsFile(config.Hostname),
		"machine-id": config.MachineID() + "\n",
	}
	if config.Resolver != "" {
		files["resolv.conf"] = "nameserver " + config.Resolver + "\n"
	}
	return files
}

func hostsFile(hostname string) string {
	return "127.0.0.1\tlocalhost\n" +
		"127.0.1.1\t" + hostname + "\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\n"
}

// replaceFile unlinks first: a symlink of the image at this path is replaced, never followed.
func replaceFile(root *os.Root, path, content string) error {
	if err := root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EBUSY) {
		return err
	}
	file, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, writeErr := file.WriteString(content)
	return errors.Join(writeErr, file.Close())
}
