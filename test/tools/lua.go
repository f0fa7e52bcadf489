package main

import (
	"encoding/json"
	"fmt"
	"io"

	lua "github.com/yuin/gopher-lua"
)

// answer runs a health check as Argo CD does: the script finds the object in the global obj, and returns a table. It has
// no other libraries than these (util/lua/lua.go of Argo CD), so one that asks for more fails here, too.
func answer(arguments []string, in io.Reader, out io.Writer) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: lua SCRIPT < OBJECT.json")
	}
	var object map[string]any
	if err := json.NewDecoder(in).Decode(&object); err != nil {
		return fmt.Errorf("reading the object: %w", err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return err
		}
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoFile(arguments[0]); err != nil {
		return err
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return fmt.Errorf("the script returned %s, not a table", state.Get(-1).Type())
	}
	answer := map[string]string{}
	result.ForEach(func(key, value lua.LValue) { answer[key.String()] = value.String() })
	return json.NewEncoder(out).Encode(answer)
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, field := range value {
			table.RawSetString(key, toLua(state, field))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case string:
		return lua.LString(value)
	case float64:
		return lua.LNumber(value)
	case bool:
		return lua.LBool(value)
	default:
		return lua.LNil
	}
}
