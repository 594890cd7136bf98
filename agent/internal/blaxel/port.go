package blaxel

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// portPoll is how often ports are looked at: the kernel tells nobody when one opens.
const portPoll = 200 * time.Millisecond

const stateListen = "0A"

// waitForPorts returns when something listens on all ports on a routable address, or the process has ended.
func waitForPorts(ctx context.Context, one *entry, ports []int) error {
	ticker := time.NewTicker(portPoll)
	defer ticker.Stop()
	for {
		if allOpen(ports) || !(one.current().Running() || isRestarting(one)) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func allOpen(ports []int) bool {
	open := map[int]bool{}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		addListening(path, open)
	}
	for _, port := range ports {
		if !open[port] {
			return false
		}
	}
	return true
}

// addListening reads the kernel's table of sockets: local address, remote address and state come after the number.
func addListening(path string, open map[int]bool) {
	table, err := os.Open(path)
	if err != nil {
		return
	}
	defer table.Close()
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != stateListen {
			continue
		}
		address, digits, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseUint(digits, 16, 16)
		if err == nil && !isLoopback(address) {
			open[int(port)] = true
		}
	}
}

// isLoopback reads an address as the kernel prints it: words in the machine's byte order.
func isLoopback(address string) bool {
	return strings.HasSuffix(address, "7F") && len(address) == 8 ||
		address == "00000000000000000000000001000000" ||
		strings.HasPrefix(address, "0000000000000000FFFF0000") && strings.HasSuffix(address, "7F")
}
