package boot

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSignal is the last real-time signal of Linux.
const maxSignal = 64

// ParseSignal reads a stop signal as images spell it: "SIGTERM", "TERM", "15" or "SIGRTMIN+3".
func ParseSignal(text string) (syscall.Signal, error) {
	name := strings.ToUpper(strings.TrimSpace(text))
	if number, err := strconv.Atoi(name); err == nil {
		if number < 1 || number > maxSignal {
			return 0, fmt.Errorf("signal %d is out of range", number)
		}
		return syscall.Signal(number), nil
	}
	name = "SIG" + strings.TrimPrefix(name, "SIG")
	if offset, found := strings.CutPrefix(name, "SIGRTMIN+"); found {
		return realtimeSignal(text, offset)
	}
	if signal := unix.SignalNum(name); signal != 0 {
		return signal, nil
	}
	return 0, fmt.Errorf("unknown signal %q", text)
}

// realtimeSignal counts from 34, the SIGRTMIN that glibc and musl-based images document.
func realtimeSignal(text, offset string) (syscall.Signal, error) {
	const firstRealtime = 34
	number, err := strconv.Atoi(offset)
	if err != nil || number < 0 || firstRealtime+number > maxSignal {
		return 0, fmt.Errorf("unknown signal %q", text)
	}
	return syscall.Signal(firstRealtime + number), nil
}
