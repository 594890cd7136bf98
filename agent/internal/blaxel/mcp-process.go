package blaxel

import (
	"context"
	"time"
)

const (
	toolTimeoutSecs = 30
	// maxToolSecs keeps answers within what clients of the protocol wait for one.
	maxToolSecs = 58
)

type noArguments struct{}

type processArgument struct {
	Identifier string `json:"identifier" need:"yes" about:"Name or pid of the process"`
}

type executeArguments struct {
	Command           string            `json:"command" need:"yes" about:"Command, run by the shell"`
	Name              string            `json:"name" about:"Name of the process; one is made up without"`
	WorkingDir        string            `json:"workingDir" about:"Folder to run in; / without"`
	Env               map[string]string `json:"env" about:"Variables of the process, beside those of the sandbox"`
	WaitForCompletion bool              `json:"waitForCompletion" about:"Wait for the end, as long as the timeout"`
	Timeout           *float64          `json:"timeout" about:"Seconds to wait: 30 without, at most 58. The process goes on"`
	WaitForPorts      []int             `json:"waitForPorts" about:"Wait until the process listens on these ports"`
	RestartOnFailure  bool              `json:"restartOnFailure" about:"Start it again when it fails"`
	MaxRestarts       int               `json:"maxRestarts" about:"How often; negative is without limit"`
	KeepAlive         bool              `json:"keepAlive" about:"Keep the sandbox awake while it runs"`
}

func processTools() []tool {
	return []tool{
		toolOf("processesList", "List the processes of the sandbox", listTool),
		toolOf("processExecute", "Run a command as a process of the sandbox", executeTool),
		toolOf("processGet", "Get a process by its name or pid", getTool),
		toolOf("processGetLogs", "Get the output of a process", logsTool),
		toolOf("processStop", "Ask a process to end", stopTool),
		toolOf("processKill", "End a process with all that it started", killTool),
	}
}

func listTool(_ context.Context, s *Server, _ noArguments) (map[string]any, error) {
	return map[string]any{"processes": s.processViews()}, nil
}

func executeTool(ctx context.Context, s *Server, in executeArguments) (map[string]any, error) {
	body := &execBody{
		Command: in.Command, Name: in.Name, WorkingDir: in.WorkingDir, Env: in.Env, KeepAlive: in.KeepAlive,
		WaitForCompletion: in.WaitForCompletion, WaitForPorts: in.WaitForPorts,
		RestartOnFailure: in.RestartOnFailure, MaxRestarts: in.MaxRestarts,
	}
	if in.KeepAlive {
		body.Timeout = in.Timeout
	}
	if body.WorkingDir == "" {
		body.WorkingDir = "/"
	}
	if err := body.check(); err != nil {
		return nil, err
	}
	one, err := s.start(body, s.options.Table.NewLog())
	if err != nil {
		return nil, err
	}
	secs := float64(toolTimeoutSecs)
	if in.Timeout != nil && *in.Timeout > 0 {
		secs = *in.Timeout
	}
	limited, cancel := context.WithTimeout(ctx, time.Duration(min(secs, maxToolSecs)*float64(time.Second)))
	defer cancel()
	if err := s.settle(limited, one, body); err != nil && ctx.Err() != nil {
		return nil, err
	}
	return map[string]any{"process": viewOf(one).withLogs(one.current().Log).complete()}, nil
}

func getTool(_ context.Context, s *Server, in processArgument) (map[string]any, error) {
	one, err := s.named(in.Identifier)
	if err != nil {
		return nil, err
	}
	return map[string]any{"process": viewOf(one).withLogs(one.current().Log).complete()}, nil
}

func logsTool(_ context.Context, s *Server, in processArgument) (map[string]any, error) {
	one, err := s.named(in.Identifier)
	if err != nil {
		return nil, err
	}
	stdout, stderr := outputOf(one.current().Log)
	return map[string]any{"logs": stdout + stderr, "stdout": stdout, "stderr": stderr}, nil
}

func stopTool(_ context.Context, s *Server, in processArgument) (map[string]any, error) {
	one, err := s.named(in.Identifier)
	if err == nil {
		err = one.stop()
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"message": stoppedMessage}, nil
}

func killTool(_ context.Context, s *Server, in processArgument) (map[string]any, error) {
	one, err := s.named(in.Identifier)
	if err != nil {
		return nil, err
	}
	one.kill()
	return map[string]any{"message": killedMessage}, nil
}
