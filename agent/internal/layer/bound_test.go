package layer

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"
)

func boundedExporter(bounds Bounds, out io.Writer) *exporter {
	return newExporter(Export{Bounds: bounds}, out)
}

func fileHeader(name string, size int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size, Mode: 0o644, Format: tar.FormatPAX}
}

func TestAFileThatIsTooLargeIsRefusedBeforeItIsRead(t *testing.T) {
	var out bytes.Buffer
	x := boundedExporter(Bounds{MaxBytes: 1 << 20}, &out)
	err := x.write(fileHeader("huge", 1<<43), failingReader{t})
	if err == nil || !strings.Contains(err.Error(), "/huge") || AsFailure(err).Code != "invalid" {
		t.Fatalf("got %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("%d bytes were written", out.Len())
	}
}

func TestALayerStaysWithinItsBytesMembersAndNames(t *testing.T) {
	cases := map[string]Bounds{
		"bytes": {MaxBytes: 8192},
		"files": {MaxEntries: 3},
		"names": {MaxNameBytes: 10},
	}
	for word, bounds := range cases {
		var out bytes.Buffer
		x := boundedExporter(bounds, &out)
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			err = x.write(fileHeader("name", 100), bytes.NewReader(make([]byte, 100)))
		}
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v", word, err)
		}
		if err := x.archive.Close(); err != nil {
			t.Fatal(err)
		}
		if bounds.MaxBytes > 0 && int64(out.Len()) > bounds.MaxBytes {
			t.Errorf("%d bytes were written", out.Len())
		}
	}
}

func TestNoBoundRefusesNothing(t *testing.T) {
	x := boundedExporter(Bounds{}, io.Discard)
	if err := x.write(fileHeader("name", 3), strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
}

type failingReader struct{ t *testing.T }

func (r failingReader) Read([]byte) (int, error) {
	r.t.Error("the file was read")
	return 0, io.EOF
}
