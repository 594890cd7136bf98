package process

import "time"

const (
	// drainSilence is how long after the exit a pipe that others still hold open must be empty.
	drainSilence = 100 * time.Millisecond
	// drainMax ends the wait for a pipe into which others keep writing.
	drainMax  = time.Second
	drainPoll = 10 * time.Millisecond
	// drainBytes is more than a pipe can have held when the process ended.
	drainBytes = 1 << 20
)

// drain waits until what a process wrote before it ended has reached the log. A background child that
// keeps the pipe open does not hold it up for long; a follower that reads slowly does.
func drain(pumps []*pump, exited time.Time) {
	for _, p := range pumps {
		p.drain(exited)
	}
}

func (p *pump) drain(exited time.Time) {
	readBefore := p.bytesRead.Load()
	ticker := time.NewTicker(drainPoll)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case now := <-ticker.C:
			if p.drained(now, exited, readBefore) {
				return
			}
		}
	}
}

func (p *pump) drained(now, exited time.Time, readBefore int64) bool {
	if p.bytesRead.Load()-readBefore > drainBytes {
		return true
	}
	waitingSince := p.waitingSince.Load()
	if waitingSince == 0 {
		return false
	}
	silentSince := time.Unix(0, max(waitingSince, exited.UnixNano()))
	return now.Sub(silentSince) >= drainSilence || now.Sub(exited) >= drainMax
}
