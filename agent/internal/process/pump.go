package process

import (
	"os"
	"sync/atomic"
	"time"

	"atoll.dev/agent/internal/ring"
)

const pumpBufferBytes = 32 << 10

// FollowerPatience is how long one who follows the output of a process may take nothing: the process waits for it once
// its log is full.
const FollowerPatience = time.Minute

// pump moves one output stream of a process from its pipe into the log until the last writer closes it.
type pump struct {
	pipe   *os.File
	stream byte
	log    *ring.Log
	limit  int
	// journal gets each line too, before a slow follower of the log can hold it back. Nil where none is kept.
	journal func(line []byte)

	done chan struct{}
	// waitingSince is when the pump last found the pipe empty (Unix ns), 0 while it moves data.
	waitingSince atomic.Int64
	bytesRead    atomic.Int64
}

func newPump(pipe *os.File, stream byte, log *ring.Log, lineLimit int) *pump {
	return &pump{pipe: pipe, stream: stream, log: log, limit: lineLimit, done: make(chan struct{})}
}

func (p *pump) run() {
	defer close(p.done)
	defer p.pipe.Close()
	lines := lineSplitter{limit: p.limit, emit: p.append}
	defer lines.finish()
	buffer := make([]byte, pumpBufferBytes)
	for {
		p.waitingSince.Store(time.Now().UnixNano())
		count, err := p.pipe.Read(buffer)
		p.waitingSince.Store(0)
		p.bytesRead.Add(int64(count))
		lines.feed(buffer[:count])
		if err != nil {
			return
		}
	}
}

func (p *pump) append(line []byte, open bool) {
	if p.journal != nil {
		p.journal(line)
	}
	p.log.Append(ring.Record{TimestampMs: time.Now().UnixMilli(), Stream: p.stream, Text: line, Open: open})
}
