package cgroup

import "testing"

func TestTheOwnPathIsThatOfV2(t *testing.T) {
	cases := map[string]string{
		"0::/\n": "/",
		"12:pids:/elsewhere\n0::/system.slice/atoll-agent.service\n": "/system.slice/atoll-agent.service",
		"1:name=systemd:/\n": "/",
		"0::/../outside\n":   "/outside",
		"":                   "/",
	}
	for lines, want := range cases {
		if got := ownPath(lines); got != want {
			t.Errorf("%q: %s", lines, got)
		}
	}
}
