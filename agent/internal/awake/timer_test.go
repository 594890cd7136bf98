package awake

import (
	"testing"
	"time"
)

func TestTimerFiresAfterItsTime(t *testing.T) {
	fired := make(chan struct{})
	began := time.Now()
	AfterFunc(30*time.Millisecond, func() { close(fired) })
	select {
	case <-fired:
	case <-time.After(10 * time.Second):
		t.Fatal("did not fire")
	}
	if elapsed := time.Since(began); elapsed < 30*time.Millisecond {
		t.Errorf("fired after %v", elapsed)
	}
}

func TestStoppedTimerDoesNotFire(t *testing.T) {
	fired := make(chan struct{})
	timer := AfterFunc(20*time.Millisecond, func() { close(fired) })
	timer.Stop()
	timer.Stop()
	select {
	case <-fired:
		t.Fatal("fired")
	case <-time.After(60 * time.Millisecond):
	}
}

func TestSleepCountsAsOneStepAtMost(t *testing.T) {
	if got := awakeFor(time.Second, time.Hour); got > time.Second+maxLateness {
		t.Errorf("an hour asleep counts as %v", got)
	}
	if got := awakeFor(time.Second, time.Second+time.Millisecond); got != time.Second+time.Millisecond {
		t.Errorf("a step that is a little late counts as %v", got)
	}
}
