package layer

import (
	"archive/tar"
	"io"
)

// Bounds are what a layer may hold: what is more could be stored, but never be unpacked again. 0 is no bound.
type Bounds struct {
	// MaxBytes is the size of the whole archive.
	MaxBytes int64 `json:"maxBytes"`
	// MaxEntries counts members.
	MaxEntries int `json:"maxEntries"`
	// MaxNameBytes is the length of all names together.
	MaxNameBytes int64 `json:"maxNameBytes"`
}

// tarEndBytes are the two empty blocks at the end of an archive, and what fills up the last block of a file.
const tarEndBytes = 3 * 512

// tally counts what goes into a layer.
type tally struct {
	bounds    Bounds
	out       io.Writer
	bytes     int64
	entries   int
	nameBytes int64
}

func (t *tally) Write(chunk []byte) (int, error) {
	count, err := t.out.Write(chunk)
	t.bytes += int64(count)
	return count, err
}

// add counts a member before anything of it is written: a file with holes may claim to be larger than any disk.
func (t *tally) add(header *tar.Header) error {
	t.entries++
	t.nameBytes += int64(len(header.Name))
	switch b := t.bounds; {
	case b.MaxEntries > 0 && t.entries > b.MaxEntries:
		return invalid("the step wrote more than %d files; a layer may hold no more", b.MaxEntries)
	case b.MaxNameBytes > 0 && t.nameBytes > b.MaxNameBytes:
		return invalid("the names of the files that the step wrote take more than %d bytes; a layer may hold no more", b.MaxNameBytes)
	case b.MaxBytes > 0 && t.bytes+header.Size > b.MaxBytes-tarEndBytes:
		return invalid("with /%s (%d bytes) the step wrote more than %d bytes; a layer may hold no more", header.Name, header.Size, b.MaxBytes)
	}
	return nil
}
