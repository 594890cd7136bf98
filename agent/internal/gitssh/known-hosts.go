package gitssh

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// authorityMark begins a line that tells who may vouch for hosts.
const authorityMark = "@cert-authority"

// hostKeys are the hosts that may answer.
type hostKeys struct {
	// all checks a key; listed knows only the lines that name a host's own one.
	all, listed ssh.HostKeyCallback
}

func readKnownHosts(path string) (*hostKeys, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := knownhosts.New(path)
	if err != nil {
		return nil, fmt.Errorf("the known hosts cannot be read: %w", err)
	}
	listed, err := callbackOf(withoutAuthorities(text))
	return &hostKeys{all, listed}, err
}

func withoutAuthorities(text []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte(authorityMark)) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// callbackOf goes by a file, which is all that the package reads.
func callbackOf(text []byte) (ssh.HostKeyCallback, error) {
	file, err := os.CreateTemp("", "known-hosts-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(text); err != nil {
		return nil, err
	}
	return knownhosts.New(file.Name())
}

func (h *hostKeys) require(address string, remote net.Addr, key ssh.PublicKey) error {
	err := h.all(address, remote, key)
	var wrong *knownhosts.KeyError
	if errors.As(err, &wrong) && len(wrong.Want) > 0 {
		return fmt.Errorf("the key of %s is not the known one: it is %s", address, ssh.FingerprintSHA256(key))
	}
	return err
}

// algorithmsOf makes the host show a key that can be checked: of the types that are known of it, or one that an authority
// vouches for. Hosts have several keys and show the one that is asked for first.
func (h *hostKeys) algorithmsOf(address string) ([]string, error) {
	if listed, err := wanted(h.listed, address); err != nil || len(listed) > 0 {
		return listed, err
	}
	vouched, err := wanted(h.all, address)
	if err == nil && len(vouched) == 0 {
		err = fmt.Errorf("the known hosts have no key of %s", address)
	}
	return certificates, err
}

var certificates = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01, ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01,
}

// wanted asks about a key that no host has: the answer names those that are known.
func wanted(known ssh.HostKeyCallback, address string) ([]string, error) {
	stranger, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil, err
	}
	var wrong *knownhosts.KeyError
	if err := known(address, &net.TCPAddr{IP: net.IPv4zero}, stranger); !errors.As(err, &wrong) {
		return nil, err
	}
	var algorithms []string
	for _, key := range wrong.Want {
		algorithms = append(algorithms, algorithmsFor(key.Key.Type())...)
	}
	return algorithms, nil
}

func algorithmsFor(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}
