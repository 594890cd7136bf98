package process

import (
	"bytes"
	"unicode/utf8"
)

// lineSplitter cuts a byte stream into lines. A line longer than limit is cut into pieces, each a line of
// its own, never inside a UTF-8 sequence.
type lineSplitter struct {
	limit   int
	partial []byte
	// emit gets each line, and whether it is open: no newline followed.
	emit func(line []byte, open bool)
}

func (s *lineSplitter) feed(chunk []byte) {
	for len(chunk) > 0 {
		newline := bytes.IndexByte(chunk, '\n')
		if newline < 0 {
			s.hold(chunk)
			return
		}
		s.hold(chunk[:newline])
		s.flush()
		chunk = chunk[newline+1:]
	}
}

func (s *lineSplitter) hold(part []byte) {
	for len(s.partial)+len(part) > s.limit {
		taken := s.limit - len(s.partial)
		s.partial = append(s.partial, part[:taken]...)
		part = part[taken:]
		s.emitPiece()
	}
	s.partial = append(s.partial, part...)
}

// emitPiece emits a full buffer but for the start of a character that its end may have cut.
func (s *lineSplitter) emitPiece() {
	cut := len(s.partial)
	for back := 1; back < utf8.UTFMax && back < cut; back++ {
		if tail := s.partial[cut-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				cut -= back
			}
			break
		}
	}
	s.emit(s.partial[:cut], true)
	s.partial = append(s.partial[:0], s.partial[cut:]...)
}

func (s *lineSplitter) flush() { s.emitLine(false) }

func (s *lineSplitter) emitLine(open bool) {
	s.emit(s.partial, open)
	s.partial = s.partial[:0]
	if cap(s.partial) > pumpBufferBytes {
		s.partial = nil
	}
}

// finish delivers a last line that has no newline.
func (s *lineSplitter) finish() {
	if len(s.partial) > 0 {
		s.emitLine(true)
	}
}
