package file

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	watchedEvents = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_DELETE | unix.IN_MOVED_FROM |
		unix.IN_MOVED_TO | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	inotifyBufferBytes = 64 << 10
)

// rawEvent is one event as the kernel tells it.
type rawEvent struct {
	watch  int32
	mask   uint32
	cookie uint32
	name   string
}

func (e rawEvent) is(bits uint32) bool { return e.mask&bits != 0 }

// notifier reads a kernel's event queue.
type notifier struct {
	file   *os.File
	buffer []byte
}

func newNotifier() (*notifier, error) {
	descriptor, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	return &notifier{os.NewFile(uintptr(descriptor), "inotify"), make([]byte, inotifyBufferBytes)}, nil
}

// control runs a call on the descriptor without taking it out of the poller.
func (n *notifier) control(call func(descriptor int) error) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	if err := raw.Control(func(descriptor uintptr) { callErr = call(int(descriptor)) }); err != nil {
		return err
	}
	return callErr
}

func (n *notifier) add(path string, extra uint32) (int32, error) {
	watch := -1
	err := n.control(func(descriptor int) (err error) {
		watch, err = unix.InotifyAddWatch(descriptor, path, watchedEvents|extra)
		return err
	})
	return int32(watch), err
}

func (n *notifier) remove(watch int32) {
	_ = n.control(func(descriptor int) error {
		_, err := unix.InotifyRmWatch(descriptor, uint32(watch))
		return err
	})
}

// read waits for events; with a limit it returns none when it is over.
func (n *notifier) read(limit time.Duration) ([]rawEvent, error) {
	deadline := time.Time{}
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	if err := n.file.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	count, err := n.file.Read(n.buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseEvents(n.buffer[:count]), nil
}

// parseEvents reads struct inotify_event: watch, mask, cookie, length of the name, name padded with NUL.
func parseEvents(data []byte) (events []rawEvent) {
	for len(data) >= unix.SizeofInotifyEvent {
		length := int(binary.NativeEndian.Uint32(data[12:]))
		if length < 0 || length > len(data)-unix.SizeofInotifyEvent {
			return events
		}
		name := string(data[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+length])
		events = append(events, rawEvent{
			watch:  int32(binary.NativeEndian.Uint32(data)),
			mask:   binary.NativeEndian.Uint32(data[4:]),
			cookie: binary.NativeEndian.Uint32(data[8:]),
			name:   strings.TrimRight(name, "\x00"),
		})
		data = data[unix.SizeofInotifyEvent+length:]
	}
	return events
}
