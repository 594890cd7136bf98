package layer

import (
	"path"
	"regexp"
	"strings"
)

// patterns decides what --exclude and .dockerignore leave out, by the rules of the latter: the last that fits counts.
type patterns []pattern

type pattern struct {
	regexp    *regexp.Regexp
	isNegated bool
}

func compilePatterns(texts []string) (patterns, error) {
	var compiled patterns
	for _, text := range texts {
		rest, isNegated := strings.CutPrefix(strings.TrimSpace(text), "!")
		cleaned := strings.TrimPrefix(path.Clean(rest), "/")
		expression, err := regexp.Compile("^" + expressionOf(cleaned) + "$")
		if err != nil {
			return nil, invalid("the pattern %q: %v", text, err)
		}
		compiled = append(compiled, pattern{expression, isNegated})
	}
	return compiled, nil
}

// excludes tells whether name, or a directory above it, is left out.
func (p patterns) excludes(name string) bool {
	isExcluded := false
	for _, one := range p {
		if one.isNegated == isExcluded && one.fits(name) {
			isExcluded = !one.isNegated
		}
	}
	return isExcluded
}

// keepsSome tells whether something below an excluded directory may be in after all.
func (p patterns) keepsSome() bool {
	for _, one := range p {
		if one.isNegated {
			return true
		}
	}
	return false
}

func (p pattern) fits(name string) bool {
	for at := name; at != "." && at != "/" && at != ""; at = path.Dir(at) {
		if p.regexp.MatchString(at) {
			return true
		}
	}
	return false
}

// expressionOf writes a pattern as a regular expression: `*` and `?` stay within a name, `**` does not.
func expressionOf(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch char := text[i]; {
		case strings.HasPrefix(text[i:], "**/"):
			out.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(text[i:], "**"):
			out.WriteString(".*")
			i++
		case char == '*':
			out.WriteString("[^/]*")
		case char == '?':
			out.WriteString("[^/]")
		case char == '\\' && i+1 < len(text):
			i++
			out.WriteString(regexp.QuoteMeta(text[i : i+1]))
		case char == '[':
			if end := strings.IndexByte(text[i:], ']'); end > 1 {
				out.WriteString(text[i : i+end+1])
				i += end
				continue
			}
			out.WriteString(`\[`)
		default:
			out.WriteString(regexp.QuoteMeta(text[i : i+1]))
		}
	}
	return out.String()
}
