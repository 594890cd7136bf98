package session

import (
	"bufio"
	"bytes"
	"testing"
)

func FuzzFramesAreReadWithinTheirBound(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 3, 'a', 'b', 'c'})
	f.Add([]byte{3, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		reader := bufio.NewReader(bytes.NewReader(data))
		buffer := make([]byte, maxFrameBytes)
		for {
			_, payload, err := readFrame(reader, buffer)
			if err != nil {
				return
			}
			if len(payload) > maxFrameBytes {
				t.Fatalf("got %d bytes", len(payload))
			}
		}
	})
}
