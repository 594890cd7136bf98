package build

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Command is the first argument that makes the agent's binary a builder.
const Command = "rootfs-build"

const (
	exitFailed = 1
	exitUsage  = 2
	// acceptWithin is how long the server may take to answer at all: it may be starting again.
	acceptWithin = 60 * time.Second
)

// spec is what the builder itself reads of its specification; the server reads the rest.
type spec struct {
	ContextDir string `json:"contextDir"`
	// ImportImageReference is an image that is taken as it is: the folder is named but was never made.
	ImportImageReference string `json:"importImageReference"`
}

// answer is one line of the server's.
type answer struct {
	Log      string          `json:"log"`
	Metadata json.RawMessage `json:"metadata"`
	Failed   string          `json:"failed"`
	// ShortOf is memory or disk, where the build failed for want of it.
	ShortOf string `json:"shortOf"`
}

// Main is the builder that clients start: it hands the specification and the context to the server, prints the log
// of the build, and writes what the build made. Its result is the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	specPath := flags.String("spec", "", "file that says what to build")
	metadataPath := flags.String("metadata-out", "", "file to write what was built to")
	if flags.Parse(args) != nil {
		return exitUsage
	}
	if *specPath == "" || *metadataPath == "" {
		fmt.Fprintln(stderr, "usage: rootfs-build --spec FILE --metadata-out FILE")
		return exitUsage
	}
	err := run(Address, *specPath, *metadataPath, stdout)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, err)
	var failed *failedError
	if errors.As(err, &failed) {
		leaveEvidence(evidenceDir, failed.shortOf)
	}
	return exitFailed
}

func run(address, specPath, metadataPath string, stdout io.Writer) error {
	data, contextDir, err := readSpec(specPath)
	if err != nil {
		return err
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		return fmt.Errorf("this sandbox accepts no builds: %w", err)
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		err := send(conn, data, contextDir)
		sent <- err
		if err != nil {
			// The server must not take half an archive for a whole one.
			_ = conn.Close()
		}
	}()
	metadata, err := follow(conn, stdout)
	if err != nil {
		return firstCause(sent, err)
	}
	return writeWhole(metadataPath, metadata)
}

// readSpec returns the specification in one line, and the folder that it names.
func readSpec(path string) ([]byte, string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	var known spec
	if err := json.Unmarshal(data, &known); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, data); err != nil {
		return nil, "", err
	}
	if line.Len() > maxFrameBytes {
		return nil, "", fmt.Errorf("%s is larger than %d bytes", path, maxFrameBytes)
	}
	if known.ImportImageReference != "" {
		return line.Bytes(), "", nil
	}
	return line.Bytes(), known.ContextDir, nil
}

func send(conn net.Conn, data []byte, contextDir string) error {
	frames := &frameWriter{conn}
	if err := frames.frame(data); err != nil {
		return err
	}
	if err := archive(frames, contextDir); err != nil {
		return err
	}
	return frames.end()
}

// firstCause prefers why the context could not be read to the broken connection that followed from it.
func firstCause(sent <-chan error, err error) error {
	select {
	case cause := <-sent:
		var pathError *os.PathError
		if errors.As(cause, &pathError) {
			return cause
		}
	default:
	}
	return err
}

var errLost = errors.New("the connection to the server was lost; start the build again")

// follow prints the log until the build ends.
func follow(conn net.Conn, stdout io.Writer) (json.RawMessage, error) {
	_ = conn.SetReadDeadline(time.Now().Add(acceptWithin))
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, errLost
		}
		_ = conn.SetReadDeadline(time.Time{})
		var said answer
		if err := json.Unmarshal(line, &said); err != nil {
			return nil, fmt.Errorf("the server's answer is not understood: %w", err)
		}
		switch {
		case said.Failed != "":
			return nil, &failedError{said.Failed, said.ShortOf}
		case said.Metadata != nil:
			return said.Metadata, nil
		}
		if _, err := io.WriteString(stdout, said.Log); err != nil {
			return nil, err
		}
	}
}

// writeWhole makes the file appear complete: its reader may be waiting for it.
func writeWhole(path string, content []byte) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
