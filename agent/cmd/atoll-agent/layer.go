package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"atoll.dev/agent/internal/layer"
)

// layerCommand as the first argument makes the agent a tool for the files of images:
//
//	atoll-agent layer VERB ROOT
//
// The first line of standard input is the request, as JSON; what follows it is the verb's input. Standard output is the
// verb's output, and the last line of standard error the outcome, as JSON.
const layerCommand = "layer"

const exitLayerFailed = 1

func runLayer(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: atoll-agent layer VERB ROOT")
		return exitConfig
	}
	outcome, err := layerVerb(args[0], args[1])
	if err != nil {
		_ = json.NewEncoder(os.Stderr).Encode(map[string]any{"error": layer.AsFailure(err)})
		return exitLayerFailed
	}
	_ = json.NewEncoder(os.Stderr).Encode(map[string]any{"result": outcome})
	return 0
}

func layerVerb(verb, root string) (any, error) {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	request, err := in.ReadBytes('\n')
	if err != nil && !(errors.Is(err, io.EOF) && len(request) > 0) {
		return nil, err
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	if err := layer.Enter(root); err != nil {
		return nil, err
	}
	outcome, err := answerLayer(verb, request, in, out)
	return outcome, errors.Join(err, out.Flush())
}

// readAll also reads what follows the end of an archive, or who writes it would meet a closed pipe.
func readAll(in io.Reader, work func() error) error {
	if err := work(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

func answerLayer(verb string, request []byte, in io.Reader, out io.Writer) (any, error) {
	switch verb {
	case "digest", "pack":
		var selection layer.Selection
		if err := json.Unmarshal(request, &selection); err != nil {
			return nil, err
		}
		if verb == "digest" {
			return layer.Digest(selection)
		}
		return nil, layer.Pack(selection, out)
	case "place":
		var placement layer.Placement
		if err := json.Unmarshal(request, &placement); err != nil {
			return nil, err
		}
		return nil, readAll(in, func() error { return layer.Place(placement, in) })
	case "export":
		var export layer.Export
		if err := json.Unmarshal(request, &export); err != nil {
			return nil, err
		}
		return export.Write(out)
	case "unpack":
		return nil, readAll(in, func() error { return layer.Unpack(in) })
	case "discard":
		var discarded layer.Discarded
		if err := json.Unmarshal(request, &discarded); err != nil {
			return nil, err
		}
		return nil, discarded.Remove()
	case "resolve":
		var asked layer.PathRequest
		if err := json.Unmarshal(request, &asked); err != nil {
			return nil, err
		}
		return asked.Resolve()
	case "read":
		var file layer.File
		if err := json.Unmarshal(request, &file); err != nil {
			return nil, err
		}
		return nil, file.Read(out)
	}
	return nil, fmt.Errorf("unknown verb %q", verb)
}
