package socket

import (
	"net"
	"os"
	"testing"

	"atoll.dev/agent/internal/account"
)

func TestAListeningSocketIsFoundWithItsProcess(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	for _, one := range All() {
		if one.State != Listen || int(one.Local.Port()) != port {
			continue
		}
		if one.IsRoutable() {
			t.Errorf("%v counts as routable", one.Local)
		}
		owners := Owners(account.Credential{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
		if owners[one.Inode] != os.Getpid() {
			t.Errorf("inode %d belongs to %d", one.Inode, owners[one.Inode])
		}
		return
	}
	t.Fatalf("port %d is not listed", port)
}

func TestAddressesOfBothFamiliesAreRead(t *testing.T) {
	for text, wanted := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0050":                         "0.0.0.0:80",
		"00000000000000000000000001000000:0BB8": "[::1]:3000",
	} {
		if got, ok := addressOf(text); !ok || got.String() != wanted {
			t.Errorf("%s is %v", text, got)
		}
	}
}
