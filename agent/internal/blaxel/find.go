package blaxel

import (
	"context"
	"net/http"
	"path"
	"strconv"
	"strings"

	"atoll.dev/agent/internal/file"
)

const (
	defaultFindResults   = 20
	defaultSearchResults = 100
	maxFindResults       = 1000
)

// foldersLeftOut are not entered unless the caller says what to leave out.
const foldersLeftOut = "node_modules,vendor,.git,dist,build,target,__pycache__,.venv,.next,coverage"

var lookRoutes = map[string]func(s *Server, w http.ResponseWriter, r *request, at string) error{
	"filesystem-find":           (*Server).findFiles,
	"filesystem-search":         (*Server).searchNames,
	"filesystem-content-search": (*Server).searchContents,
}

type found struct {
	Path string `json:"path"`
	Type string `json:"type"`
}

type query struct{ *request }

func (q query) text(name, byDefault string) string {
	values := q.URL.Query()
	if !values.Has(name) {
		return byDefault
	}
	return values.Get(name)
}

// limit reads maxResults, of which 0 is as many as can be had.
func (q query) limit(byDefault int) (int, error) {
	text := q.text("maxResults", strconv.Itoa(byDefault))
	count, err := strconv.Atoi(text)
	if err != nil || count < 0 {
		return 0, invalid("maxResults must be a number from 0")
	}
	if count == 0 || count > maxFindResults {
		count = maxFindResults
	}
	return count, nil
}

func (q query) selection() file.Selection {
	return file.Selection{
		ExcludeFolders: commaList(q.text("excludeDirs", foldersLeftOut)),
		WithoutHidden:  q.text("excludeHidden", "true") != "false",
	}
}

func (q query) globs(name string) (file.Globs, error) {
	return file.CompileGlobs(commaList(q.text(name, "")))
}

// commaList leaves commas between braces alone: they belong to a glob.
func commaList(text string) []string {
	depth := 0
	return strings.FieldsFunc(text, func(letter rune) bool {
		switch letter {
		case '{':
			depth++
		case '}':
			depth--
		}
		return letter == ',' && depth <= 0
	})
}

func (s *Server) findFiles(w http.ResponseWriter, r *request, at string) error {
	q := query{r}
	wanted := file.Type(q.text("type", string(file.TypeFile)))
	if wanted != file.TypeFile && wanted != file.TypeDirectory {
		return invalid("type must be file or directory")
	}
	limit, err := q.limit(defaultFindResults)
	if err != nil {
		return err
	}
	globs, err := q.globs("patterns")
	if err != nil {
		return err
	}
	matches := []found{}
	_, err = s.options.Files.Find(r.Context(), s.user(), at, q.selection(), globs, wanted, limit, func(info file.Info) error {
		matches = append(matches, found{info.Path, string(info.Type)})
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"matches": matches, "total": len(matches)})
}

// searchNames finds names that resemble a query. The path is both: the folders of it that are there are where to look,
// and what follows them is the query, so that a folder alone lists what is in it.
func (s *Server) searchNames(w http.ResponseWriter, r *request, at string) error {
	q := query{r}
	limit, err := q.limit(defaultFindResults)
	if err != nil {
		return err
	}
	globs, err := q.globs("patterns")
	if err != nil {
		return err
	}
	folder, text := s.splitQuery(at)
	best, total, err := s.options.Files.FindFuzzy(r.Context(), s.user(), folder, q.selection(), globs, text, limit)
	if err != nil {
		return err
	}
	type match struct {
		found
		Score int `json:"score"`
	}
	matches := []match{}
	for _, one := range best {
		matches = append(matches, match{found{one.Path, string(one.Type)}, one.Score})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"matches": matches, "total": total})
}

func (s *Server) splitQuery(at string) (folder, text string) {
	for folder = at; folder != "/"; folder = path.Dir(folder) {
		info, err := s.options.Files.Stat(s.user(), folder, true)
		if err == nil && info.Type == file.TypeDirectory {
			break
		}
	}
	return folder, strings.TrimPrefix(strings.TrimPrefix(at, folder), "/")
}

type contentMatch struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Text    string `json:"text"`
	Context string `json:"context"`
}

// searchContents tells the first hit of each line; `matches` is null where there is none, as on the hosted service.
func (s *Server) searchContents(w http.ResponseWriter, r *request, at string) error {
	q := query{r}
	wanted := file.Query{Text: q.text("query", ""), IgnoreCase: q.text("caseSensitive", "false") != "true"}
	if wanted.Text == "" {
		return invalid("query is required")
	}
	matcher, err := wanted.Compile()
	if err != nil {
		return err
	}
	limit, err := q.limit(defaultSearchResults)
	if err != nil {
		return err
	}
	globs, err := q.globs("filePattern")
	if err != nil {
		return err
	}
	selection := file.Selection{ExcludeFolders: commaList(q.text("excludeDirs", foldersLeftOut))}
	matches, err := s.searchLines(r.Context(), at, selection, globs, matcher, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"matches": matches, "query": wanted.Text, "total": len(matches)})
}

func (s *Server) searchLines(
	ctx context.Context, at string, selection file.Selection, globs file.Globs, matcher *file.Matcher, limit int,
) (matches []contentMatch, err error) {
	_, err = s.options.Files.Search(ctx, s.user(), at, selection, globs, matcher, limit, func(match file.Match) error {
		text := strings.ToValidUTF8(string(match.Text), "\uFFFD")
		matches = append(matches, contentMatch{Path: match.Path, Line: match.Line, Column: match.Column, Text: text})
		return nil
	})
	return matches, err
}
