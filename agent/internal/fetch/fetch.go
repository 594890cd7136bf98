// Package fetch downloads what ADD names by a web address. It runs in a sandbox, whose network is the one that builds may
// use.
package fetch

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Command as the first argument makes the agent a downloader:
//
//	atoll-agent fetch URL FILE [ALGORITHM:HEX]
const Command = "fetch"

const headerTimeout = time.Minute

// Main downloads, and says on standard error why it could not.
func Main(args []string, stderr io.Writer) int {
	if len(args) < 2 || len(args) > 3 {
		fmt.Fprintln(stderr, "usage: atoll-agent fetch URL FILE [ALGORITHM:HEX]")
		return 2
	}
	checksum := ""
	if len(args) == 3 {
		checksum = args[2]
	}
	if err := download(args[0], args[1], checksum); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func download(url, file, checksum string) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = headerTimeout
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	sum, err := newSum(checksum)
	if err != nil {
		return err
	}
	if err := write(file, io.TeeReader(response.Body, sum)); err != nil {
		return err
	}
	if actual := hex.EncodeToString(sum.Sum(nil)); checksum != "" && !strings.HasSuffix(checksum, ":"+actual) {
		return fmt.Errorf("%s has the checksum %s instead of %s", url, actual, checksum)
	}
	return setModified(file, response.Header.Get("Last-Modified"))
}

func newSum(checksum string) (hash.Hash, error) {
	switch algorithm, _, _ := strings.Cut(checksum, ":"); algorithm {
	case "", "sha256":
		return sha256.New(), nil
	case "sha384":
		return sha512.New384(), nil
	case "sha512":
		return sha512.New(), nil
	default:
		return nil, fmt.Errorf("checksums are sha256, sha384 or sha512, not %s", algorithm)
	}
}

// write makes a file that only its owner reads, as ADD does.
func write(path string, content io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// setModified gives the file the server's time, or none that would differ from one download to the next.
func setModified(path, header string) error {
	modified, err := http.ParseTime(header)
	if err != nil {
		modified = time.Unix(0, 0)
	}
	return os.Chtimes(path, modified, modified)
}
