package blaxel

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// tool is something that a model can have done. Its arguments are described by the tags of a struct.
type tool struct {
	name        string
	description string
	schema      map[string]any
	run         func(ctx context.Context, s *Server, arguments json.RawMessage) (any, error)
}

// toolOf makes a tool of a function. Results are objects, as the protocol wants them.
func toolOf[In any](name, description string, run func(ctx context.Context, s *Server, in In) (map[string]any, error)) tool {
	schema := schemaOf(reflect.TypeFor[In]())
	return tool{name, description, schema, func(ctx context.Context, s *Server, arguments json.RawMessage) (any, error) {
		if err := requireAll(schema, arguments); err != nil {
			return nil, err
		}
		var in In
		if err := json.Unmarshal(arguments, &in); err != nil {
			return nil, invalid("invalid arguments: " + err.Error())
		}
		return run(ctx, s, in)
	}}
}

func requireAll(schema map[string]any, arguments json.RawMessage) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(arguments, &given); err != nil {
		return invalid("the arguments must be an object")
	}
	for _, name := range schema["required"].([]string) {
		if _, isGiven := given[name]; !isGiven {
			return invalid(name + " is required")
		}
	}
	return nil
}

var jsonTypes = map[reflect.Kind]string{
	reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Float64: "number",
	reflect.Slice: "array", reflect.Map: "object",
}

// schemaOf describes the fields of a struct: their type, what the tag `about` says, and, with the tag `need`, that they
// must be there.
func schemaOf(in reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for at := range in.NumField() {
		field := in.Field(at)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		kind := field.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		property := map[string]any{"type": jsonTypes[kind.Kind()], "description": field.Tag.Get("about")}
		switch kind.Kind() {
		case reflect.Slice:
			property["items"] = map[string]any{"type": jsonTypes[kind.Elem().Kind()]}
		case reflect.Map:
			property["additionalProperties"] = map[string]any{"type": jsonTypes[kind.Elem().Kind()]}
		}
		properties[name] = property
		if field.Tag.Get("need") != "" {
			required = append(required, name)
		}
	}
	return map[string]any{
		"type": "object", "properties": properties, "required": required,
	}
}

type toolView struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	InputSchema map[string]any `json:"inputSchema"`
}

func toolList() []toolView {
	views := []toolView{}
	for _, one := range tools {
		views = append(views, toolView{one.name, one.description, one.schema})
	}
	return views
}

// tools are set by init: they call the server that lists them.
var tools []tool

func init() {
	tools = append(append(processTools(), fileTools()...), codeTools()...)
	for _, one := range tools {
		for name, property := range one.schema["properties"].(map[string]any) {
			if property.(map[string]any)["type"] == "" {
				panic(fmt.Sprintf("tool %s: %s has no type", one.name, name))
			}
		}
	}
}
