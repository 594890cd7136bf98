package blaxel

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"atoll.dev/agent/internal/file"
)

type pathArgument struct {
	Path string `json:"path" need:"yes" about:"Path; without a slash in front it starts at the working directory"`
}

type writeArguments struct {
	Path        string `json:"path" need:"yes" about:"Path of the file; folders above it are made"`
	Content     string `json:"content" need:"yes" about:"The whole content"`
	Permissions string `json:"permissions" about:"Octal digits such as 0644"`
}

type editArguments struct {
	Path       string `json:"path" need:"yes" about:"Path of the file"`
	OldString  string `json:"oldString" need:"yes" about:"Text to replace; it must be there once, unless replaceAll is set"`
	NewString  string `json:"newString" need:"yes" about:"Text to put in its place"`
	ReplaceAll bool   `json:"replaceAll" about:"Replace it wherever it is"`
}

type deleteArguments struct {
	Path      string `json:"path" need:"yes" about:"Path of the file or folder"`
	Recursive bool   `json:"recursive" about:"Delete a folder with all that is in it"`
}

func fileTools() []tool {
	return []tool{
		toolOf("fsGetWorkingDirectory", "Get the working directory", workingDirTool),
		toolOf("fsListDirectory", "List files and folders in a folder", listFolderTool),
		toolOf("fsReadFile", "Read a text file", readTool),
		toolOf("fsWriteFile", "Write a text file", writeTool),
		toolOf("fsEditFile", "Replace a piece of a text file by another", editTool),
		toolOf("fsDeleteFileOrDirectory", "Delete a file or a folder", deleteTool),
	}
}

func workingDirTool(_ context.Context, s *Server, _ noArguments) (map[string]any, error) {
	return map[string]any{"workingDirectory": s.absolute(".")}, nil
}

func listFolderTool(_ context.Context, s *Server, in pathArgument) (map[string]any, error) {
	view, err := s.readFolder(s.absolute(in.Path))
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"path": view.Path, "name": view.Name, "files": view.Files, "subdirectories": view.Subdirectories,
	}, nil
}

// readText reads a whole file that is text.
func (s *Server) readText(path string) (string, error) {
	opened, _, err := s.options.Files.Open(s.user(), path)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxContentBytes+1))
	switch {
	case err != nil:
		return "", err
	case len(content) > maxContentBytes:
		return "", invalid("the file is too large to be read as one text")
	case !utf8.Valid(content):
		return "", invalid("the file is not text")
	}
	return string(content), nil
}

func readTool(_ context.Context, s *Server, in pathArgument) (map[string]any, error) {
	at := s.absolute(in.Path)
	text, err := s.readText(at)
	if err != nil {
		return nil, err
	}
	return map[string]any{"path": at, "content": text}, nil
}

func writeTool(_ context.Context, s *Server, in writeArguments) (map[string]any, error) {
	permissions, err := readPermissions(in.Permissions)
	if err != nil {
		return nil, err
	}
	at := s.absolute(in.Path)
	if err := s.writeFile(at, strings.NewReader(in.Content), permissions); err != nil {
		return nil, err
	}
	return map[string]any{"path": at, "message": "File created/updated successfully"}, nil
}

func editTool(_ context.Context, s *Server, in editArguments) (map[string]any, error) {
	at := s.absolute(in.Path)
	text, err := s.readText(at)
	if err != nil {
		return nil, err
	}
	count := strings.Count(text, in.OldString)
	switch {
	case in.OldString == "" || count == 0:
		return nil, invalid("oldString is not in the file")
	case count > 1 && !in.ReplaceAll:
		return nil, invalid(fmt.Sprintf("oldString is in the file %d times: add what stands around it, or set replaceAll", count))
	}
	edited := strings.ReplaceAll(text, in.OldString, in.NewString)
	if err := s.writeFile(at, strings.NewReader(edited), nil); err != nil {
		return nil, err
	}
	return map[string]any{"path": at, "message": "File edited successfully", "replacements": count}, nil
}

func deleteTool(_ context.Context, s *Server, in deleteArguments) (map[string]any, error) {
	at := s.absolute(in.Path)
	info, statErr := s.options.Files.Stat(s.user(), at, false)
	if err := s.remove(at, in.Recursive); err != nil {
		return nil, err
	}
	message := "File deleted successfully"
	if statErr == nil && info.Type == file.TypeDirectory {
		message = "Directory deleted successfully"
	}
	return map[string]any{"path": at, "message": message}, nil
}
