module atoll.dev/agent

go 1.26

require (
	github.com/klauspost/compress v1.18.0
	github.com/pkg/sftp v1.13.12
	github.com/ulikunitz/xz v0.5.15
	golang.org/x/crypto v0.54.0
	golang.org/x/sys v0.47.0
)

require github.com/kr/fs v0.1.0 // indirect
