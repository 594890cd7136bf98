package process

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// describeErrno spells system errors as the platform's own daemon does: "No such file or directory (os error 2)".
func describeErrno(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	return fmt.Sprintf("%s (os error %d)", strings.ToUpper(text[:1])+text[1:], int(errno))
}
