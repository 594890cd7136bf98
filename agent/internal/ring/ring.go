// Package ring keeps the newest output of a process in bounded memory.
package ring

import "encoding/binary"

// headerBytes precede each record: timestamp (8), length (4), stream (1).
const headerBytes = 13

// openBit marks an open line in the byte that names the stream.
const openBit = 1 << 7

const minCapacity = 1 << 10

// Record is one line of output.
type Record struct {
	TimestampMs int64
	Stream      byte
	Text        []byte
	// Open says that no newline followed: the stream ended, or the line was cut.
	Open bool
}

// Ring is a circular byte buffer of records. It grows with its content up to the limit, and beyond it only
// for a single record that is larger than the limit. Positions are absolute byte offsets that only grow.
// It is not safe for concurrent use.
type Ring struct {
	limit int
	data  []byte
	first uint64
	next  uint64
}

// New makes an empty ring that holds at most limit bytes, headers included.
func New(limit int) *Ring {
	return &Ring{limit: limit}
}

// First is the position of the oldest record, Next the position after the newest.
func (r *Ring) First() uint64 { return r.first }

// Next is the position that the next record will get.
func (r *Ring) Next() uint64 { return r.next }

// SizeBytes is the memory the ring holds on to.
func (r *Ring) SizeBytes() int { return cap(r.data) }

// EvictedBy tells where First will be after a record with this much text is appended.
func (r *Ring) EvictedBy(textBytes int) uint64 {
	needed := uint64(headerBytes + textBytes)
	position := r.first
	for position < r.next && r.next-position+needed > uint64(r.limit) {
		position += r.sizeAt(position)
	}
	return position
}

// Append stores a record, dropping the oldest ones that no longer fit.
func (r *Ring) Append(record Record) {
	r.first = r.EvictedBy(len(record.Text))
	r.reserve(int(r.next-r.first) + headerBytes + len(record.Text))
	var header [headerBytes]byte
	binary.LittleEndian.PutUint64(header[:], uint64(record.TimestampMs))
	binary.LittleEndian.PutUint32(header[8:], uint32(len(record.Text)))
	header[12] = record.Stream
	if record.Open {
		header[12] |= openBit
	}
	r.write(header[:])
	r.write(record.Text)
}

// At copies the record at a position between First and Next and returns the position after it.
func (r *Ring) At(position uint64) (Record, uint64) {
	var header [headerBytes]byte
	r.read(position, header[:])
	text := make([]byte, binary.LittleEndian.Uint32(header[8:]))
	r.read(position+headerBytes, text)
	record := Record{
		TimestampMs: int64(binary.LittleEndian.Uint64(header[:])),
		Stream:      header[12] &^ openBit,
		Open:        header[12]&openBit != 0,
		Text:        text,
	}
	return record, position + headerBytes + uint64(len(text))
}

// Drop forgets all records and frees the memory.
func (r *Ring) Drop() {
	r.first, r.data = r.next, nil
}

// Compact gives back what growth left unused.
func (r *Ring) Compact() {
	if used := int(r.next - r.first); used < cap(r.data)/2 {
		r.resize(max(used, 1))
	}
}

func (r *Ring) sizeAt(position uint64) uint64 {
	var length [4]byte
	r.read(position+8, length[:])
	return headerBytes + uint64(binary.LittleEndian.Uint32(length[:]))
}

func (r *Ring) reserve(needed int) {
	oversized := len(r.data) > r.limit && needed <= r.limit
	if needed <= len(r.data) && !oversized {
		return
	}
	capacity := max(len(r.data), minCapacity)
	if oversized {
		capacity = r.limit
	}
	for capacity < needed {
		capacity *= 2
	}
	if needed <= r.limit {
		capacity = min(capacity, r.limit)
	} else {
		capacity = needed
	}
	r.resize(capacity)
}

func (r *Ring) resize(capacity int) {
	used := make([]byte, r.next-r.first)
	r.read(r.first, used)
	start := r.first
	r.data = make([]byte, capacity)
	r.next = start
	r.write(used)
}

func (r *Ring) write(bytes []byte) {
	for len(bytes) > 0 {
		copied := copy(r.data[r.next%uint64(len(r.data)):], bytes)
		bytes = bytes[copied:]
		r.next += uint64(copied)
	}
}

func (r *Ring) read(position uint64, into []byte) {
	for len(into) > 0 {
		copied := copy(into, r.data[position%uint64(len(r.data)):])
		into = into[copied:]
		position += uint64(copied)
	}
}
