package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"unicode/utf8"

	"atoll.dev/agent/internal/account"
)

const (
	// searchBufferBytes is the longest line that is looked at as one; longer ones are looked at in pieces.
	searchBufferBytes = 256 << 10
	// sniffedBytes decide whether a file is binary.
	sniffedBytes = 8 << 10
	// maxMatchText bounds how much of a line is told.
	maxMatchText = 4 << 10
)

// Query is what to look for in files.
type Query struct {
	Text string
	// IsRegexp takes the text as a regular expression (RE2, so its time is linear), not literally.
	IsRegexp   bool
	IgnoreCase bool
}

// Matcher is a query that was checked.
type Matcher struct {
	expression *regexp.Regexp
	// literal is nil where only the expression decides.
	literal []byte
}

// Compile checks a query.
func (q Query) Compile() (*Matcher, error) {
	if q.Text == "" || len(q.Text) > maxPatternBytes {
		return nil, fmt.Errorf("%w: the query is empty or longer than %d bytes", ErrInvalidPattern, maxPatternBytes)
	}
	if !q.IsRegexp && !q.IgnoreCase {
		return &Matcher{literal: []byte(q.Text)}, nil
	}
	text := q.Text
	if !q.IsRegexp {
		text = regexp.QuoteMeta(text)
	}
	if q.IgnoreCase {
		text = "(?i)" + text
	}
	expression, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidPattern, err)
	}
	return &Matcher{expression: expression}, nil
}

func (m *Matcher) find(line []byte) (start, end int) {
	if m.literal != nil {
		start = bytes.Index(line, m.literal)
		return start, start + len(m.literal)
	}
	if at := m.expression.FindIndex(line); at != nil {
		return at[0], at[1]
	}
	return -1, -1
}

// Match is the first hit in a line.
type Match struct {
	Path string
	// Line and Column count from 1; columns are bytes.
	Line   int
	Column int
	// Text is the line, or for a long one the part of it that holds the hit.
	Text []byte
}

// Search looks into the files below a folder, or into one file, and hands each line that has a hit to visit.
// Binary files are left out.
func (s *System) Search(
	ctx context.Context, as account.Credential, path string, selection Selection, globs Globs, matcher *Matcher,
	maxResults int, visit func(Match) error,
) (Outcome, error) {
	search := &search{ctx: ctx, matcher: matcher, maxResults: maxResults, visit: visit}
	search.reader = bufio.NewReaderSize(nil, searchBufferBytes)
	unreadable := 0
	outcome, err := s.walkFolder(ctx, as, path, selection, func(n node) error {
		if !n.info.Mode().IsRegular() || !globs.Fit(n.path) {
			return nil
		}
		file, err := n.open()
		if err != nil {
			unreadable++
			return nil
		}
		defer file.Close()
		return search.file(n.path, file, &unreadable)
	})
	if errors.Is(err, ErrNotADirectory) {
		return s.searchFile(as, path, search)
	}
	outcome.Unreadable += unreadable
	return outcome, err
}

func (s *System) searchFile(as account.Credential, path string, search *search) (Outcome, error) {
	file, _, err := s.Open(as, path)
	if err != nil {
		return Outcome{}, err
	}
	defer file.Close()
	var outcome Outcome
	err = search.file(".", file, &outcome.Unreadable)
	if errors.Is(err, errStop) {
		outcome.Truncated, err = true, nil
	}
	return outcome, err
}

type search struct {
	ctx        context.Context
	matcher    *Matcher
	maxResults int
	count      int
	reader     *bufio.Reader
	visit      func(Match) error
}

func (s *search) file(path string, content io.Reader, unreadable *int) error {
	s.reader.Reset(content)
	if head, err := s.reader.Peek(sniffedBytes); bytes.IndexByte(head, 0) >= 0 || isFault(err) {
		if isFault(err) {
			*unreadable++
		}
		return nil
	}
	for number, isHit := 1, false; ; {
		piece, err := s.reader.ReadSlice('\n')
		text := bytes.TrimRight(piece, "\r\n")
		if !isHit {
			found, err := s.line(path, number, text)
			if err != nil {
				return err
			}
			isHit = found
		}
		if err == nil {
			number, isHit = number+1, false
		} else if !errors.Is(err, bufio.ErrBufferFull) {
			return nil
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
}

func isFault(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull)
}

func (s *search) line(path string, number int, text []byte) (bool, error) {
	start, end := s.matcher.find(text)
	if start < 0 || (len(text) == 0 && end == 0) {
		return false, nil
	}
	if s.maxResults > 0 && s.count == s.maxResults {
		return true, errStop
	}
	s.count++
	return true, s.visit(Match{Path: path, Line: number, Column: start + 1, Text: around(text, start)})
}

// around cuts a long line to the part at the hit, never inside a character.
func around(text []byte, start int) []byte {
	if len(text) <= maxMatchText {
		return text
	}
	from := max(0, start-maxMatchText/4)
	to := min(len(text), from+maxMatchText)
	for from > 0 && from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	for to < len(text) && to > from && !utf8.RuneStart(text[to]) {
		to--
	}
	return text[from:to]
}
