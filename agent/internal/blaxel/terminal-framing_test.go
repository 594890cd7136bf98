package blaxel

import (
	"encoding/json"
	"testing"
)

func TestACharacterInTwoPiecesComesWhole(t *testing.T) {
	framing, got := &jsonFraming{}, ""
	for _, piece := range []string{"gr\xc3", "\xbc\xc3", "\x9fe \xf0\x9f", "\x8c\x8a"} {
		_, parts := framing.Output([][]byte{[]byte(piece)})
		var message terminalMessage
		if err := json.Unmarshal(parts[0], &message); err != nil || message.Type != "output" {
			t.Fatal(err, message)
		}
		got += message.Data
	}
	if got != "grüße 🌊" {
		t.Fatalf("got %q", got)
	}
}

func TestMessagesThatAreNeitherInputNorResizeEndTheClient(t *testing.T) {
	for _, message := range []string{"", "{}", `{"type":"resize","cols":0,"rows":1}`, `["input"]`, `{"type":"output"}`} {
		if _, err := (&jsonFraming{}).Decode(1, []byte(message)); err == nil {
			t.Errorf("%q is taken", message)
		}
	}
}
