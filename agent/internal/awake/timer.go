// Package awake measures time without what the sandbox slept through: frozen, or as a checkpoint on a disk.
package awake

import (
	"sync"
	"time"
)

const (
	// maxStep bounds how much of a sleep counts as time awake.
	maxStep = time.Second
	// maxLateness is what a busy sandbox may add to a step; more was a sleep, over which the clocks have jumped.
	maxLateness = 100 * time.Millisecond
)

// Timer is as one of time.AfterFunc, but counts only the time that the sandbox is awake.
type Timer struct {
	stopped chan struct{}
	stop    sync.Once
}

// AfterFunc calls f in its own goroutine once the sandbox has been awake for that long.
func AfterFunc(after time.Duration, f func()) *Timer {
	timer := &Timer{stopped: make(chan struct{})}
	go timer.run(after, f)
	return timer
}

// Stop keeps f from being called, if it has not begun.
func (t *Timer) Stop() { t.stop.Do(func() { close(t.stopped) }) }

func (t *Timer) run(left time.Duration, f func()) {
	for left > 0 {
		step := min(left, maxStep)
		began := time.Now()
		timer := time.NewTimer(step)
		select {
		case <-timer.C:
		case <-t.stopped:
			timer.Stop()
			return
		}
		left -= awakeFor(step, time.Since(began))
	}
	select {
	case <-t.stopped:
	default:
		f()
	}
}

func awakeFor(step, elapsed time.Duration) time.Duration { return min(elapsed, step+maxLateness) }
