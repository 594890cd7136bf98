package layer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

const (
	// maxWindowBytes is what a decompressor may have to look back: what `zstd --long` asks for at most, and twice what
	// `xz -9` does.
	maxWindowBytes = 128 << 20
	// maxDataBytes bounds the whole process where a decompressor does not bound itself.
	maxDataBytes = 512 << 20
)

const (
	xzStreamHeaderBytes = 12
	// xzPeekBytes hold what says the size of the dictionary.
	xzPeekBytes   = xzStreamHeaderBytes + 2 + 2*binary.MaxVarintLen64 + 3
	xzHasSizes    = 0x40 | 0x80
	xzFilterCount = 0x03
	xzLzma2       = 0x21
)

// decompressed looks at the first bytes only: names say nothing.
func decompressed(file io.Reader) (io.Reader, error) {
	reader := bufio.NewReader(file)
	start, _ := reader.Peek(xzPeekBytes)
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return gzip.NewReader(reader)
	case bytes.HasPrefix(start, []byte("BZh")):
		return bzip2.NewReader(reader), nil
	case bytes.HasPrefix(start, []byte("\xfd7zXZ\x00")):
		return unxz(reader, start)
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return unzstd(reader)
	}
	return reader, nil
}

func unzstd(reader io.Reader) (io.Reader, error) {
	return zstd.NewReader(reader, zstd.WithDecoderMaxWindow(maxWindowBytes), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true))
}

// unxz says what is wrong with a dictionary that is too large for the first block. Those of later blocks are bounded by
// the kernel: the library takes whatever size they name.
func unxz(reader io.Reader, start []byte) (io.Reader, error) {
	if size := xzDictionary(start); size > maxWindowBytes {
		return nil, invalid("the archive is compressed by xz with a dictionary of %d MiB; the most is %d MiB",
			size>>20, maxWindowBytes>>20)
	}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: maxDataBytes, Max: maxDataBytes}); err != nil {
		return nil, err
	}
	return xz.NewReader(reader)
}

// xzDictionary reads the header of the first block (section 3.1 of the format); 0 where LZMA2 is not its only filter.
func xzDictionary(start []byte) int64 {
	if len(start) < xzPeekBytes || start[xzStreamHeaderBytes+1]&xzFilterCount != 0 {
		return 0
	}
	flags, rest := start[xzStreamHeaderBytes+1], start[xzStreamHeaderBytes+2:]
	for sizes := flags & xzHasSizes; sizes != 0; sizes &= sizes - 1 {
		_, length := binary.Uvarint(rest)
		if length <= 0 {
			return 0
		}
		rest = rest[length:]
	}
	if len(rest) < 3 || rest[0] != xzLzma2 || rest[1] != 1 || rest[2] > 40 {
		return 0
	}
	return int64(2|rest[2]&1) << (rest[2]/2 + 11)
}

func onlyFailure(err error) error {
	var failure *Failure
	if errors.As(err, &failure) {
		return err
	}
	return nil
}
