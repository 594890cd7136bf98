package memory

import (
	"testing"
	"time"

	"atoll.dev/agent/internal/event"
)

const mib = 1 << 20

func info(totalMib, availableMib, shmemMib int64) Info {
	return Info{TotalBytes: totalMib * mib, AvailableBytes: availableMib * mib, ShmemBytes: shmemMib * mib}
}

func TestTheGuardKillsOnlyWhatExplainsTheShortage(t *testing.T) {
	cases := []struct {
		name   string
		info   Info
		sizes  map[int]int64
		victim int
		reason string
	}{
		{"the biggest process", info(1024, 10, 0), map[int]int64{5: 900 * mib, 6: 50 * mib}, 5, ""},
		{"a full tmpfs", info(1024, 10, 900), map[int]int64{5: 50 * mib, 6: 20 * mib}, 0, "tmpfs_full"},
		{"overhead of the runtime", info(1024, 10, 100), map[int]int64{5: 50 * mib}, 0, "sentry_overhead"},
		{"nothing but small processes", info(1024, 10, 0), map[int]int64{5: mib}, 0, "sentry_overhead"},
		{"no process", info(1024, 10, 0), nil, 0, "sentry_overhead"},
	}
	for _, test := range cases {
		guard := &Guard{}
		victim, reason := guard.choose(test.info, test.info.shortage(), test.sizes)
		if victim != test.victim || reason != test.reason {
			t.Errorf("%s: got %d %q", test.name, victim, reason)
		}
	}
}

func TestAGrowingProcessIsTheCauseBesideAFullTmpfs(t *testing.T) {
	guard := &Guard{previous: map[int]int64{5: 100 * mib, 6: 90 * mib}, previousFree: 60 * mib}
	sizes := map[int]int64{5: 150 * mib, 6: 90 * mib}
	if victim, _ := guard.choose(info(1024, 10, 700), 31*mib, sizes); victim != 5 {
		t.Fatalf("got %d", victim)
	}
}

func TestTheGuardLooksMoreOftenTheLessRoomThereIs(t *testing.T) {
	for room, want := range map[int64]time.Duration{
		0: minInterval, -5: minInterval, 750_000_000: 500 * time.Millisecond, 1 << 40: maxInterval,
	} {
		if got := interval(room); got != want {
			t.Errorf("%d: got %v", room, got)
		}
	}
}

func TestAShortageIsReportedOnce(t *testing.T) {
	hub := event.NewHub()
	events, unsubscribe := hub.Subscribe()
	defer unsubscribe()
	guard := &Guard{Events: hub}
	for range 3 {
		guard.report("tmpfs_full", info(1024, 10, 900))
	}
	if len(events) != 1 || (<-events).Reason != "tmpfs_full" {
		t.Fatal("not reported once")
	}
}

func TestMeminfoIsParsed(t *testing.T) {
	got := parseInfo([]byte("MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable:   500 kB\nShmem: 7 kB\nOdd\n"))
	if got != (Info{TotalBytes: 1000 << 10, AvailableBytes: 500 << 10, ShmemBytes: 7 << 10}) {
		t.Fatalf("got %+v", got)
	}
}
