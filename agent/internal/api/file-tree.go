package api

import (
	"encoding/base64"
	"net/http"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/file"
)

func encodeBytes(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

const (
	defaultMatches = 1000
	defaultEntries = 0
)

// asked is what all file routes read from the query.
func (f *fileRoutes) asked(r *http.Request) (*query, account.Credential, error) {
	q := parseQuery(r.URL.RawQuery)
	if q.err != nil {
		return nil, account.Credential{}, q.err
	}
	credential, err := f.accounts.Resolve(q.text("user"))
	if err != nil {
		return nil, account.Credential{}, userFailure(err)
	}
	return q, credential, nil
}

func selectionOf(q *query) file.Selection {
	return file.Selection{
		MaxDepth: q.number("max_depth"), ExcludeFolders: q.list("exclude"), WithoutHidden: q.flag("exclude_hidden"),
	}
}

func maxResultsOf(q *query, byDefault int) int {
	if number := q.number("max_results"); number > 0 {
		return number
	}
	return byDefault
}

// owners remembers names for one answer: most of a tree belongs to few.
type owners struct {
	accounts *account.Directory
	users    map[uint32]string
	groups   map[uint32]string
}

func (f *fileRoutes) owners() *owners {
	return &owners{f.accounts, map[uint32]string{}, map[uint32]string{}}
}

func nameOf(names map[uint32]string, id uint32, find func(uint32) string) string {
	name, known := names[id]
	if !known {
		name = find(id)
		names[id] = name
	}
	return name
}

func (o *owners) addInfo(line *lineWriter, info file.Info) *lineWriter {
	line.object().path("path", info.Path).text("type", string(info.Type))
	if info.Type == file.TypeFile {
		line.number("size", info.SizeBytes)
	}
	line.text("mode", octal(info.Permissions())).number("uid", int64(info.UID)).number("gid", int64(info.GID))
	if name := nameOf(o.users, info.UID, o.accounts.UserName); name != "" {
		line.text("owner", name)
	}
	if name := nameOf(o.groups, info.GID, o.accounts.GroupName); name != "" {
		line.text("group", name)
	}
	line.number("modified_at", info.ModifiedMs)
	if info.Type == file.TypeSymlink {
		line.path("target", info.Target)
	}
	return line
}

func octal(bits uint32) string {
	digits := [4]byte{}
	for i := range digits {
		digits[i] = '0' + byte(bits>>(9-3*i))&7
	}
	return string(digits[:])
}

// stat answers one object.
func (f *fileRoutes) stat(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	follow := q.flag("follow")
	if q.err != nil {
		return q.err
	}
	info, err := f.files.Stat(credential, q.text("path"), follow)
	if err != nil {
		return fileFailure(q.text("path"), err)
	}
	info.Path = q.text("path")
	line := newLineWriter(w)
	_ = f.owners().addInfo(line, info).end()
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(line.buffer)
	return err
}

// finish ends a listing: its last line says whether it is whole, so a broken connection cannot look like the end.
func finish(line *lineWriter, path string, outcome file.Outcome, err error) error {
	if err != nil && !line.started {
		return fileFailure(path, err)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	line.object().flag("done", true).flag("truncated", outcome.Truncated)
	_ = line.number("unreadable", int64(outcome.Unreadable)).end()
	return line.write()
}

func (f *fileRoutes) tree(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	selection, limit := selectionOf(q), maxResultsOf(q, defaultEntries)
	if q.err != nil {
		return q.err
	}
	line, owners := newLineWriter(w), f.owners()
	outcome, err := f.files.Tree(r.Context(), credential, q.text("path"), selection, limit, func(info file.Info) error {
		return owners.addInfo(line, info).end()
	})
	return finish(line, q.text("path"), outcome, err)
}

func (f *fileRoutes) find(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	selection, limit := selectionOf(q), maxResultsOf(q, defaultMatches)
	wanted := file.Type(q.oneOf("type", "file", "directory", "symlink", "other"))
	globs, err := file.CompileGlobs(q.list("pattern"))
	if q.err != nil {
		return q.err
	}
	if err != nil {
		return invalid(err.Error())
	}
	line, owners := newLineWriter(w), f.owners()
	outcome, err := f.files.Find(r.Context(), credential, q.text("path"), selection, globs, wanted, limit,
		func(info file.Info) error { return owners.addInfo(line, info).end() })
	return finish(line, q.text("path"), outcome, err)
}

func (f *fileRoutes) search(w http.ResponseWriter, r *http.Request) error {
	q, credential, err := f.asked(r)
	if err != nil {
		return err
	}
	selection, limit := selectionOf(q), maxResultsOf(q, defaultMatches)
	wanted := file.Query{Text: q.text("query"), IsRegexp: q.flag("regex"), IgnoreCase: q.flag("ignore_case")}
	if q.err != nil {
		return q.err
	}
	globs, err := file.CompileGlobs(q.list("pattern"))
	if err != nil {
		return invalid(err.Error())
	}
	matcher, err := wanted.Compile()
	if err != nil {
		return invalid(err.Error())
	}
	line := newLineWriter(w)
	outcome, err := f.files.Search(r.Context(), credential, q.text("path"), selection, globs, matcher, limit,
		func(match file.Match) error {
			line.object().path("path", match.Path).number("line", int64(match.Line)).number("column", int64(match.Column))
			return line.text("text", string(match.Text)).end()
		})
	return finish(line, q.text("path"), outcome, err)
}
