package process

import (
	"maps"
	"slices"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// markerVariable is inherited by everything a process starts, so that daemons which left its session and
// its ancestry can still be found when the whole of it must end. Its value is unique on a host, where agents
// without isolation may see each other's processes.
const markerVariable = "ATOLL_PROCESS"

// environment layers the defaults of the account, the image's variables and the request's.
func environment(spec Spec, base map[string]string, marker string) map[string]string {
	credential := spec.Credential
	env := map[string]string{"PATH": defaultPath, "HOME": credential.Home}
	if credential.Home == "" {
		env["HOME"] = "/"
	}
	if credential.Name != "" {
		env["USER"], env["LOGNAME"] = credential.Name, credential.Name
	}
	if credential.Shell != "" {
		env["SHELL"] = credential.Shell
	}
	maps.Copy(env, spec.DefaultEnv)
	maps.Copy(env, base)
	maps.Copy(env, spec.Env)
	env[markerVariable] = marker
	return env
}

func environmentList(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}
