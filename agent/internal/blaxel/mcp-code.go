package blaxel

import (
	"context"
	"strings"

	"atoll.dev/agent/internal/file"
)

type searchArguments struct {
	Query string `json:"query" need:"yes" about:"What to look for"`
	Path  string `json:"path" about:"Folder to look in; the working directory without"`
}

type grepArguments struct {
	Query         string `json:"query" need:"yes" about:"Text or regular expression to look for"`
	Path          string `json:"path" about:"Folder to look in; the working directory without"`
	IsRegexp      bool   `json:"isRegexp" about:"The query is a regular expression"`
	CaseSensitive bool   `json:"caseSensitive" about:"Capitals count"`
	FilePattern   string `json:"filePattern" about:"Only files of these patterns, divided by commas"`
}

type rangeArguments struct {
	Path      string `json:"path" need:"yes" about:"Path of the file"`
	StartLine int    `json:"startLine" need:"yes" about:"First line, from 1"`
	EndLine   int    `json:"endLine" need:"yes" about:"Last line"`
}

type modelArguments struct {
	Path     string `json:"path" about:"Path of the file or folder"`
	Query    string `json:"query" about:"What to look for"`
	CodeEdit string `json:"codeEdit" about:"The edit, with unchanged parts left out"`
}

// codeTools look through code. Those that need a model of another service say that there is none.
func codeTools() []tool {
	return []tool{
		toolOf("codegenFileSearch", "Find files whose path resembles a query", fileSearchTool),
		toolOf("codegenGrepSearch", "Find lines of files by text or regular expression", grepTool),
		toolOf("codegenListDir", "List files and folders in a folder", listFolderTool),
		toolOf("codegenReadFileRange", "Read some lines of a file", rangeTool),
		toolOf("codegenEditFile", "Edit a file by a model (needs a provider)", modelTool),
		toolOf("codegenReapply", "Apply the last edit again by a model (needs a provider)", modelTool),
		toolOf("codegenParallelApply", "Edit several files by a model (needs a provider)", modelTool),
		toolOf("codegenCodebaseSearch", "Find code by its meaning (needs a provider)", modelTool),
		toolOf("codegenRerank", "Order files by how well they fit a query (needs a provider)", modelTool),
	}
}

func modelTool(_ context.Context, s *Server, _ modelArguments) (map[string]any, error) {
	return nil, s.noModel()
}

func searchFolder(s *Server, path string) string {
	if path == "" {
		path = "."
	}
	return s.absolute(path)
}

func usualSelection() file.Selection {
	return file.Selection{ExcludeFolders: commaList(foldersLeftOut)}
}

func fileSearchTool(ctx context.Context, s *Server, in searchArguments) (map[string]any, error) {
	best, total, err := s.options.Files.FindFuzzy(
		ctx, s.user(), searchFolder(s, in.Path), usualSelection(), nil, in.Query, defaultFindResults)
	if err != nil {
		return nil, err
	}
	matches := []found{}
	for _, one := range best {
		matches = append(matches, found{one.Path, string(one.Type)})
	}
	return map[string]any{"matches": matches, "total": total}, nil
}

func grepTool(ctx context.Context, s *Server, in grepArguments) (map[string]any, error) {
	matcher, err := file.Query{Text: in.Query, IsRegexp: in.IsRegexp, IgnoreCase: !in.CaseSensitive}.Compile()
	if err != nil {
		return nil, err
	}
	globs, err := file.CompileGlobs(commaList(in.FilePattern))
	if err != nil {
		return nil, err
	}
	matches, err := s.searchLines(ctx, searchFolder(s, in.Path), usualSelection(), globs, matcher, defaultSearchResults)
	if err != nil {
		return nil, err
	}
	if matches == nil {
		matches = []contentMatch{}
	}
	return map[string]any{"matches": matches, "total": len(matches)}, nil
}

func rangeTool(_ context.Context, s *Server, in rangeArguments) (map[string]any, error) {
	at := s.absolute(in.Path)
	text, err := s.readText(at)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(text, "\n")
	if in.StartLine < 1 || in.EndLine < in.StartLine || in.StartLine > len(lines) {
		return nil, invalid("the file has no such lines")
	}
	last := min(in.EndLine, len(lines))
	return map[string]any{
		"path": at, "startLine": in.StartLine, "endLine": last, "content": strings.Join(lines[in.StartLine-1:last], ""),
	}, nil
}
