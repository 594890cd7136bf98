package sandboxapi

import (
	"io"
	"testing"
)

func TestFlagsOfThePublishedProgramAreTaken(t *testing.T) {
	given, err := parse([]string{"-p", "9000", "--disable-telemetry", "--user", "app", "-c", "npm start"}, io.Discard)
	if err != nil || given.port != 9000 || given.command != "npm start" {
		t.Fatalf("%+v, %v", given, err)
	}
	if given, err := parse(nil, io.Discard); err != nil || given.port != Port {
		t.Fatalf("%+v, %v", given, err)
	}
	if _, err := parse([]string{"--port", "70000"}, io.Discard); err == nil {
		t.Fatal("port 70000 is taken")
	}
}
