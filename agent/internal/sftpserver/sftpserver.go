// Package sftpserver speaks SFTP on standard input and output, as the user that it runs as.
package sftpserver

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pkg/sftp"
)

// Command is the word by which the agent's binary becomes this server.
const Command = "sftp-server"

type streams struct {
	io.Reader
	io.WriteCloser
}

// Main serves until the input ends and returns the exit code.
func Main() int {
	folder, err := os.Getwd()
	if err != nil {
		folder = "/"
	}
	server, err := sftp.NewServer(streams{os.Stdin, os.Stdout}, sftp.WithServerWorkingDirectory(folder))
	if err == nil {
		err = server.Serve()
		_ = server.Close()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "sftp-server:", err)
		return 1
	}
	return 0
}
