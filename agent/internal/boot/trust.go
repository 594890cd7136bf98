package boot

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	systemBundle = "etc/ssl/certs/ca-certificates.crt"
	extraCaFile  = "extra-ca.pem"
)

// trustVariables name the bundle for programs that do not read the system's.
var trustVariables = []string{
	"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT",
	"NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
}

// TrustExtraCa adds the server's CA to the image's bundle and returns the variables that point programs at a
// bundle with it. An image without a bundle gets them pointed at the CA file alone.
func TrustExtraCa(config *Config, identityDir string) (map[string]string, error) {
	if !config.ExtraCa {
		return nil, nil
	}
	extraPath := filepath.Join(identityDir, extraCaFile)
	extra, err := os.ReadFile(extraPath)
	if err != nil {
		return nil, err
	}
	if config.Build {
		return bundleBeside(config.Root, extra, extraPath)
	}
	bundlePath, err := appendToBundle(config.Root, extra)
	if err != nil || bundlePath == "" {
		return trustEnvironment(extraPath), err
	}
	return trustEnvironment(bundlePath), nil
}

// memoryBundle is in memory, where no image takes it from.
const memoryBundle = "dev/shm/atoll-ca.pem"

// bundleBeside leaves the image's bundle as it is and points programs at a copy with the CA in it.
func bundleBeside(rootDir string, extra []byte, extraPath string) (map[string]string, error) {
	root, err := os.OpenRoot(rootDir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	present, err := root.ReadFile(systemBundle)
	if err != nil {
		return trustEnvironment(extraPath), nil
	}
	bundle := slices.Concat(present, []byte{'\n'}, extra)
	if err := root.WriteFile(memoryBundle, bundle, 0o644); err != nil {
		return trustEnvironment(extraPath), err
	}
	return trustEnvironment(filepath.Join(rootDir, memoryBundle)), nil
}

func trustEnvironment(bundle string) map[string]string {
	env := make(map[string]string, len(trustVariables))
	for _, name := range trustVariables {
		env[name] = bundle
	}
	return env
}

// appendToBundle returns the bundle's path, or "" when the image has none. Confined to the root, because the
// image may have made the bundle a symlink.
func appendToBundle(rootDir string, extra []byte) (string, error) {
	root, err := os.OpenRoot(rootDir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	file, err := root.OpenFile(systemBundle, os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	return filepath.Join(rootDir, systemBundle), appendOnce(file, extra)
}

func appendOnce(file *os.File, extra []byte) error {
	present, err := io.ReadAll(file)
	if err != nil || bytes.Contains(present, bytes.TrimSpace(extra)) {
		return err
	}
	if len(present) > 0 && present[len(present)-1] != '\n' {
		extra = append([]byte{'\n'}, extra...)
	}
	_, err = file.Write(extra)
	return err
}
