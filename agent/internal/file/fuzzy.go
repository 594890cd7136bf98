package file

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"atoll.dev/agent/internal/account"
)

// Points for how well a text fits: as fuzzy finders give them, so that what people mean comes first.
const (
	pointsPerLetter   = 16
	pointsAtBoundary  = 8
	pointsInSequence  = 4
	pointsAtGap       = -3
	pointsPerGapRune  = -1
	maxFuzzyQuery     = 256
	keptBeyondResults = 2
)

// FuzzyMatch is a path that has all letters of a query in their order.
type FuzzyMatch struct {
	Info
	// Score is higher the closer together the letters stand and the more of them begin words.
	Score int
}

// FindFuzzy returns the best fits below a folder, the best first, and how many fitted. An empty query fits everything.
// Capitals count only where the query has some.
func (s *System) FindFuzzy(
	ctx context.Context, as account.Credential, path string, selection Selection, globs Globs, query string, maxResults int,
) (matches []FuzzyMatch, total int, err error) {
	if len(query) > maxFuzzyQuery {
		return nil, 0, ErrInvalidPattern
	}
	wanted := []rune(query)
	isExact := strings.ToLower(query) != query
	_, err = s.walkFolder(ctx, as, path, selection, func(n node) error {
		if !globs.Fit(n.path) {
			return nil
		}
		score, fits := fuzzyScore([]rune(n.path), wanted, isExact)
		if !fits {
			return nil
		}
		total++
		matches = append(matches, FuzzyMatch{infoOf(n.path, n.info), score})
		if len(matches) >= keptBeyondResults*maxResults {
			matches = best(matches, maxResults)
		}
		return nil
	})
	return best(matches, maxResults), total, err
}

func best(matches []FuzzyMatch, count int) []FuzzyMatch {
	slices.SortStableFunc(matches, func(a, b FuzzyMatch) int {
		if a.Score != b.Score {
			return b.Score - a.Score
		}
		if len(a.Path) != len(b.Path) {
			return len(a.Path) - len(b.Path)
		}
		return strings.Compare(a.Path, b.Path)
	})
	return matches[:min(count, len(matches))]
}

// fuzzyScore looks for the end of the first fit and from there backwards for its latest beginning.
func fuzzyScore(text, query []rune, isExact bool) (int, bool) {
	if len(query) == 0 {
		return 0, true
	}
	end := firstEnd(text, query, isExact)
	if end < 0 {
		return 0, false
	}
	at, score, gap, previous := len(query)-1, 0, 0, -1
	for position := end; position >= 0 && at >= 0; position-- {
		if !sameRune(text[position], query[at], isExact) {
			gap++
			continue
		}
		score += pointsPerLetter
		if isBoundary(text, position) {
			score += pointsAtBoundary
		}
		switch {
		case previous == position+1:
			score += pointsInSequence
		case previous >= 0:
			score += pointsAtGap + gap*pointsPerGapRune
		}
		at, gap, previous = at-1, 0, position
	}
	return score, true
}

func firstEnd(text, query []rune, isExact bool) int {
	at := 0
	for position, letter := range text {
		if sameRune(letter, query[at], isExact) {
			if at++; at == len(query) {
				return position
			}
		}
	}
	return -1
}

func sameRune(a, b rune, isExact bool) bool {
	return a == b || (!isExact && unicode.ToLower(a) == unicode.ToLower(b))
}

// isBoundary is true where a word begins: after a sign, or with a capital after a small letter.
func isBoundary(text []rune, position int) bool {
	if position == 0 {
		return true
	}
	before, letter := text[position-1], text[position]
	return !unicode.IsLetter(before) && !unicode.IsDigit(before) || unicode.IsLower(before) && unicode.IsUpper(letter)
}
