package memory

import (
	"bytes"
	"os"
	"strconv"
)

// residentSizes reads the resident size of all processes but this one.
// initPID is the agent itself, or the init program whose end is the end of the sandbox.
const initPID = 1

func residentSizes() map[int]int64 {
	sizes := map[int]int64{}
	folder, err := os.Open("/proc")
	if err != nil {
		return sizes
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	self := os.Getpid()
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != self && pid != initPID {
			sizes[pid] = residentSize(pid)
		}
	}
	return sizes
}

// residentSize is 0 for processes that are gone, or zombies.
func residentSize(pid int) int64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}
