// Package memory keeps a shortage of memory from ending the whole sandbox.
package memory

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
)

// Info is what /proc/meminfo says.
type Info struct {
	TotalBytes     int64
	AvailableBytes int64
	// ShmemBytes is what tmpfs files hold.
	ShmemBytes int64
}

// ReadInfo reads /proc/meminfo.
func ReadInfo() (Info, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Info{}, err
	}
	return parseInfo(data), nil
}

func parseInfo(data []byte) Info {
	var info Info
	fields := map[string]*int64{
		"MemTotal:":     &info.TotalBytes,
		"MemAvailable:": &info.AvailableBytes,
		"Shmem:":        &info.ShmemBytes,
	}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		words := bytes.Fields(scanner.Bytes())
		if len(words) < 2 {
			continue
		}
		if field := fields[string(words[0])]; field != nil {
			kilobytes, _ := strconv.ParseInt(string(words[1]), 10, 64)
			*field = kilobytes << 10
		}
	}
	return info
}
