package layer

import (
	"testing"
)

func TestPatternsFollowTheRulesOfDockerignore(t *testing.T) {
	cases := []struct {
		patterns []string
		name     string
		want     bool
	}{
		{[]string{"*.md"}, "a.md", true},
		{[]string{"*.md"}, "d/a.md", false},
		{[]string{"**/*.md"}, "d/e/a.md", true},
		{[]string{"**/*.md"}, "a.md", true},
		{[]string{"d"}, "d/e/f", true},
		{[]string{"d/*", "!d/keep"}, "d/keep", false},
		{[]string{"d/*", "!d/keep"}, "d/skip", true},
		{[]string{"a?c"}, "abc", true},
		{[]string{"a?c"}, "a/c", false},
		{[]string{"[ab]"}, "b", true},
		{[]string{"[ab]"}, "c", false},
		{[]string{`\*`}, "*", true},
		{[]string{`\*`}, "x", false},
		{[]string{"/rooted"}, "rooted", true},
		{[]string{"a.b"}, "axb", false},
	}
	for _, test := range cases {
		compiled, err := compilePatterns(test.patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.excludes(test.name); got != test.want {
			t.Errorf("%v excludes %q: %v", test.patterns, test.name, got)
		}
	}
}

func TestModesAreOctalOrSymbolic(t *testing.T) {
	cases := []struct {
		text        string
		before      int64
		isDirectory bool
		want        int64
	}{
		{"640", 0o777, false, 0o640},
		{"4755", 0o644, false, 0o4755},
		{"u+x", 0o644, false, 0o744},
		{"+x", 0o644, false, 0o755},
		{"go-rwx", 0o777, false, 0o700},
		{"a=r", 0o777, false, 0o444},
		{"u=rwX,go=rX", 0o600, false, 0o644},
		{"u=rwX,go=rX", 0o700, false, 0o755},
		{"u=rwX,go=rX", 0o600, true, 0o755},
		{"g=u", 0o640, false, 0o660},
		{"u+s,+t", 0o755, false, 0o5755},
		{"u=rw-w", 0o777, false, 0o477},
	}
	for _, test := range cases {
		change, err := parseMode(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := change(test.before, test.isDirectory); got != test.want {
			t.Errorf("%s of %o: %o instead of %o", test.text, test.before, got, test.want)
		}
	}
}

func TestMembersStayInTheirArchive(t *testing.T) {
	for name, want := range map[string]string{"./a/b": "a/b", "a//b/": "a/b", "./": "", "/a": "a"} {
		if got, err := memberName(name); err != nil || got != want {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
	for _, name := range []string{"../a", "a/../../b", ".."} {
		if _, err := memberName(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestCapabilitiesLoseTheirNamespace(t *testing.T) {
	inNamespace := "\x01\x00\x00\x03" + string(make([]byte, 16)) + "\x00\x00\x40\x10"
	plain := "\x01\x00\x00\x02" + string(make([]byte, 16))
	if got := rootless(inNamespace); got != plain {
		t.Errorf("%q", got)
	}
	if got := rootless(plain); got != plain {
		t.Errorf("%q", got)
	}
}
