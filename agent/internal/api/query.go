package api

import (
	"net/url"
	"strconv"
)

const (
	maxQueryValues = 64
	maxQueryNumber = 1_000_000
)

// query is the parsed query of a request. The first wrong value is kept in err.
type query struct {
	values url.Values
	err    error
}

func parseQuery(raw string) *query {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &query{url.Values{}, invalid("malformed query: " + err.Error())}
	}
	return &query{values: values}
}

func (q *query) fail(message string) {
	if q.err == nil {
		q.err = invalid(message)
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

// flag is true for "true", "1" and a name without value.
func (q *query) flag(name string) bool {
	if !q.values.Has(name) {
		return false
	}
	switch q.values.Get(name) {
	case "", "true", "1":
		return true
	case "false", "0":
		return false
	}
	q.fail(name + " must be true or false")
	return false
}

// number is 0 where it is absent.
func (q *query) number(name string) int {
	text := q.values.Get(name)
	if text == "" {
		return 0
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || number > maxQueryNumber {
		q.fail(name + " must be a whole number from 0 to " + strconv.Itoa(maxQueryNumber))
		return 0
	}
	return number
}

// permissions are octal digits, as chmod takes them; nil where they are absent.
func (q *query) permissions(name string) *uint32 {
	text := q.values.Get(name)
	if text == "" {
		return nil
	}
	parsed, err := strconv.ParseUint(text, 8, 32)
	if err != nil || parsed > 0o7777 {
		q.fail(name + " must be octal, from 0 to 7777")
		return nil
	}
	bits := uint32(parsed)
	return &bits
}

// list is all values of a name that may be repeated.
func (q *query) list(name string) []string {
	values := q.values[name]
	if len(values) > maxQueryValues {
		q.fail(name + " is repeated too often")
		return nil
	}
	return values
}

func (q *query) oneOf(name string, allowed ...string) string {
	text := q.values.Get(name)
	for _, one := range allowed {
		if text == one {
			return text
		}
	}
	if text != "" {
		q.fail(name + " has an unknown value")
	}
	return ""
}
