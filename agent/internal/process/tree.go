package process

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	// killRounds bounds the chase of processes that fork while they are being killed.
	killRounds = 50
	// freeRounds is how many rounds go by before forks are held: that hits bystanders too.
	freeRounds = 3
)

type procEntry struct {
	pid, parent, group, session int
	zombie                      bool
}

// ForkGate can keep all user processes from forking.
type ForkGate interface {
	Hold() (release func())
	// Crowded tells that user processes are close to their limit.
	Crowded() bool
}

// killTree kills all processes that carry the marker and, while the leader's pid is surely its own, those
// that descend from it or share its group or session. It scans again until nothing is left, because the
// victims may be forking; those that fork too fast are kept from it by the gate, which may be nil.
func killTree(leader int, marked matcher, gate ForkGate) {
	for round := range killRounds {
		if gate != nil && (round == freeRounds || round == 0 && gate.Crowded()) {
			defer gate.Hold()()
		}
		if leader != noLeader {
			_ = syscall.Kill(-leader, syscall.SIGKILL)
		}
		victims := descendants(leader, marked, scanProc())
		if len(victims) == 0 {
			return
		}
		for _, pid := range victims {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// matcher tells whether an environment variable is the marker that is looked for.
type matcher func(variable []byte) bool

func markerIs(value string) matcher {
	whole := []byte(markerVariable + "=" + value)
	return func(variable []byte) bool { return bytes.Equal(variable, whole) }
}

func markerStartsWith(value string) matcher {
	start := []byte(markerVariable + "=" + value)
	return func(variable []byte) bool { return bytes.HasPrefix(variable, start) }
}

// noLeader is the leader of a process that ended: its pid may by now belong to a stranger.
const noLeader = -1

func descendants(leader int, marked matcher, entries map[int]procEntry) []int {
	self := os.Getpid()
	var victims []int
	for pid, entry := range entries {
		if pid == self || entry.zombie {
			continue
		}
		related := entry.group == leader || entry.session == leader || isDescendant(pid, leader, entries)
		if related || hasMarker(pid, marked) {
			victims = append(victims, pid)
		}
	}
	return victims
}

func isDescendant(pid, ancestor int, entries map[int]procEntry) bool {
	for range len(entries) {
		entry, known := entries[pid]
		if !known || entry.parent <= 1 {
			return false
		}
		if entry.parent == ancestor {
			return true
		}
		pid = entry.parent
	}
	return false
}

func hasMarker(pid int, marked matcher) bool {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	for _, variable := range bytes.Split(environ, []byte{0}) {
		if marked(variable) {
			return true
		}
	}
	return false
}

func scanProc() map[int]procEntry {
	entries := map[int]procEntry{}
	folder, err := os.Open("/proc")
	if err != nil {
		return entries
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if entry, ok := readProcEntry(pid); ok {
			entries[pid] = entry
		}
	}
	return entries
}

// readProcEntry reads /proc/PID/stat, whose second field is a name that may hold blanks and parentheses.
func readProcEntry(pid int) (procEntry, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procEntry{}, false
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 4 {
		return procEntry{}, false
	}
	entry := procEntry{pid: pid, zombie: fields[0] == "Z" || fields[0] == "X"}
	entry.parent, _ = strconv.Atoi(fields[1])
	entry.group, _ = strconv.Atoi(fields[2])
	entry.session, _ = strconv.Atoi(fields[3])
	return entry, true
}

// CountAll counts all processes that the agent can see, zombies and itself included.
func CountAll() int { return len(scanProc()) }
