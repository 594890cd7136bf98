package file

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"atoll.dev/agent/internal/account"
)

// ErrInvalidPattern is a glob or a regular expression that is none.
var ErrInvalidPattern = errors.New("invalid pattern")

const maxPatternBytes = 4 << 10

// Globs decides by patterns: `*`, `?` and `[…]` stay within a name, `**` crosses folders, `{a,b}` is either.
// A pattern without `/` is about the name alone, wherever it is.
type Globs []glob

type glob struct {
	expression *regexp.Regexp
	isName     bool
}

// CompileGlobs checks patterns; none at all fit everything.
func CompileGlobs(patterns []string) (Globs, error) {
	globs := make(Globs, 0, len(patterns))
	for _, pattern := range patterns {
		if pattern == "" || len(pattern) > maxPatternBytes || strings.Contains(pattern, "\x00") {
			return nil, fmt.Errorf("%w: %.80q", ErrInvalidPattern, pattern)
		}
		// Names may hold any byte but NUL and '/', a newline too.
		expression, err := regexp.Compile("(?s)^(?:" + globExpression(strings.TrimPrefix(pattern, "/")) + ")$")
		if err != nil {
			return nil, fmt.Errorf("%w: %.80q: %w", ErrInvalidPattern, pattern, err)
		}
		globs = append(globs, glob{expression, !strings.Contains(pattern, "/")})
	}
	return globs, nil
}

// Fit tells whether a path below the folder fits one of the patterns.
func (g Globs) Fit(at string) bool {
	for _, one := range g {
		subject := at
		if one.isName {
			subject = path.Base(at)
		}
		if one.expression.MatchString(subject) {
			return true
		}
	}
	return len(g) == 0
}

// globExpression writes a glob as a regular expression.
func globExpression(pattern string) string {
	var out strings.Builder
	braces := 0
	for i := 0; i < len(pattern); i++ {
		switch char := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			out.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			out.WriteString(".*")
			i++
		case char == '*':
			out.WriteString("[^/]*")
		case char == '?':
			out.WriteString("[^/]")
		case char == '[':
			i += writeClass(&out, pattern[i:]) - 1
		case char == '{' && strings.Contains(pattern[i:], "}"):
			out.WriteString("(?:")
			braces++
		case char == '}' && braces > 0:
			out.WriteString(")")
			braces--
		case char == ',' && braces > 0:
			out.WriteString("|")
		case char == '\\' && i+1 < len(pattern):
			i++
			writeLiteral(&out, pattern[i])
		default:
			writeLiteral(&out, char)
		}
	}
	return out.String()
}

// writeLiteral takes bytes of a longer character as they are: they follow each other in the pattern too.
func writeLiteral(out *strings.Builder, char byte) {
	if char < 0x80 {
		out.WriteString(regexp.QuoteMeta(string(rune(char))))
		return
	}
	out.WriteByte(char)
}

// writeClass writes `[a-z]` or `[!a-z]` and returns how many bytes it took. A `[` without end is itself.
func writeClass(out *strings.Builder, pattern string) int {
	end := -1
	for i := 2; i < len(pattern); i++ {
		if pattern[i] == ']' && (i > 2 || (pattern[1] != '!' && pattern[1] != '^')) {
			end = i
			break
		}
	}
	if end < 0 {
		out.WriteString(`\[`)
		return 1
	}
	members := pattern[1:end]
	out.WriteByte('[')
	if members[0] == '!' || members[0] == '^' {
		out.WriteByte('^')
		members = members[1:]
	}
	for i := 0; i < len(members); i++ {
		if strings.IndexByte(`\[]^&~`, members[i]) >= 0 {
			out.WriteByte('\\')
		}
		out.WriteByte(members[i])
	}
	out.WriteByte(']')
	return end + 1
}

// Find hands what fits the patterns to visit. wanted "" is files and folders alike.
func (s *System) Find(
	ctx context.Context, as account.Credential, path string, selection Selection, globs Globs, wanted Type,
	maxResults int, visit func(Info) error,
) (Outcome, error) {
	count := 0
	return s.walkFolder(ctx, as, path, selection, func(n node) error {
		if (wanted != "" && typeOf(n.info.Mode()) != wanted) || !globs.Fit(n.path) {
			return nil
		}
		if maxResults > 0 && count == maxResults {
			return errStop
		}
		count++
		return visit(n.describe())
	})
}
