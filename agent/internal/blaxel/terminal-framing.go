package blaxel

import (
	"encoding/json"
	"slices"
	"unicode/utf8"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/terminal"
	"atoll.dev/agent/internal/websocket"
)

// jsonFraming has messages as objects of JSON, which hold text: a character that comes in two pieces waits for its end.
type jsonFraming struct{ rest []byte }

type terminalMessage struct {
	Type string `json:"type"`
	Data string `json:"data,omitempty"`
	Cols uint16 `json:"cols,omitempty"`
	Rows uint16 `json:"rows,omitempty"`
}

func (*jsonFraming) StartsReady() bool { return true }

func (*jsonFraming) Decode(_ websocket.Opcode, message []byte) (terminal.Input, error) {
	var said terminalMessage
	if err := json.Unmarshal(message, &said); err != nil {
		return terminal.Input{}, violation("messages must be objects of JSON")
	}
	switch {
	case said.Type == "input":
		return terminal.Input{Typed: []byte(said.Data)}, nil
	case said.Type == "resize" && said.Cols > 0 && said.Rows > 0:
		return terminal.Input{Size: &process.Size{Cols: said.Cols, Rows: said.Rows}}, nil
	}
	return terminal.Input{}, violation("messages are input with data, or resize with cols and rows")
}

func violation(reason string) error {
	return &websocket.CloseError{Code: websocket.PolicyViolation, Reason: reason}
}

func (j *jsonFraming) Output(pieces [][]byte) (websocket.Opcode, [][]byte) {
	text := append(j.rest, slices.Concat(pieces...)...)
	whole := len(text) - unfinished(text)
	j.rest = slices.Clone(text[whole:])
	encoded, _ := json.Marshal(terminalMessage{Type: "output", Data: string(text[:whole])})
	return websocket.Text, [][]byte{encoded}
}

// unfinished is how many bytes at the end begin a character that is not complete.
func unfinished(text []byte) int {
	for length := 1; length < utf8.UTFMax && length <= len(text); length++ {
		last := text[len(text)-length:]
		if utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return length
		}
	}
	return 0
}

// Exit is told by the end of the connection alone.
func (*jsonFraming) Exit(int) (websocket.Opcode, []byte) { return websocket.Text, nil }
