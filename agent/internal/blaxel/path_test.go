package blaxel

import "testing"

func TestAnEncodedOrDoubledSlashMakesAPathAbsolute(t *testing.T) {
	for sent, want := range map[string]string{
		"%2Ftmp%2Fa.txt": "/tmp/a.txt",
		"/tmp/a.txt":     "/tmp/a.txt",
		"dir/a.txt":      "dir/a.txt",
		"dir%2Fa.txt":    "/dir/a.txt",
		"dir%2fa.txt":    "/dir/a.txt",
		"a%20b.txt":      "a b.txt",
		"%2F":            "/",
		"":               ".",
		"a%252Fb":        "a%2Fb",
	} {
		if got, err := filePath(sent); err != nil || got != want {
			t.Errorf("%q: got %q %v, want %q", sent, got, err, want)
		}
	}
}

func TestPathsThatLeadElsewhereAreRefused(t *testing.T) {
	for _, sent := range []string{"..", "%2Ftmp%2F..%2Fetc", "a/../b", "%2e%2e/x", "a%00b", "%zz"} {
		if got, err := filePath(sent); err == nil {
			t.Errorf("%q: got %q", sent, got)
		}
	}
}
