package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
)

// Pack writes what the selection takes as a tar stream for Place.
func Pack(selection Selection, out io.Writer) error {
	archive := tar.NewWriter(out)
	err := Walk(selection, func(header *tar.Header, content io.Reader) error {
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if content == nil {
			return nil
		}
		_, err := io.Copy(archive, content)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

// Digest is the content of what the selection takes: names, kinds, modes, owners and bytes, but no times.
func Digest(selection Selection) (string, error) {
	sum := sha256.New()
	err := Walk(selection, func(header *tar.Header, content io.Reader) error {
		if err := digestHeader(sum, header); err != nil {
			return err
		}
		if content == nil {
			return nil
		}
		written, err := io.Copy(sum, content)
		if err == nil && written != header.Size {
			return fmt.Errorf("%s changed while it was read", header.Name)
		}
		return err
	})
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), err
}

func digestHeader(sum hash.Hash, header *tar.Header) error {
	attributes := make([][2]string, 0, len(header.PAXRecords))
	for name, value := range header.PAXRecords {
		attributes = append(attributes, [2]string{name, value})
	}
	slices.SortFunc(attributes, func(a, b [2]string) int { return compare(a[0], b[0]) })
	text, err := json.Marshal([]any{
		header.Name, header.Typeflag, header.Mode, header.Uid, header.Gid, header.Linkname, header.Size, attributes,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sum, "%d:%s", len(text), text)
	return err
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
