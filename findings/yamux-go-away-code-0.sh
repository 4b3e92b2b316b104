#!/usr/bin/env bash
# yamux's specification: Go Away tells the peer not to open new streams; code 0 is a normal termination. What a stream that
# is open sees when the peer sends it, while five bytes of the stream were received and not read:
#
#   hashicorp/yamux v0.1.2    the five bytes, and it can go on writing; only new streams are refused
#   libp2p/go-yamux v5.1.0    "remote sent go away, code: 0" for reading and writing; the five bytes are lost
#
# So a peer that says Go Away and waits for its streams to finish loses data with the one and not with the other. Both get
# the same frames. Exits 1 when either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'GO'
module goaway

go 1.25

require (
	github.com/hashicorp/yamux v0.1.2
	github.com/libp2p/go-yamux/v5 v5.1.0
)
GO
cat > main.go <<'GO'
package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"time"

	hashicorp "github.com/hashicorp/yamux"
	libp2p "github.com/libp2p/go-yamux/v5"
)

// What a peer sends that opens stream 1, writes "hello" on it and says Go Away, code 0; and a ping, to be answered when
// all of that was processed.
const frames = "000100010000000100000000" + "000000000000000100000005" + "68656c6c6f" +
	"000300000000000000000000" + "000200010000000000000007"

func main() {
	show("hashicorp/yamux", func(link net.Conn) (func() (io.ReadWriter, error), func() error) {
		config := hashicorp.DefaultConfig()
		config.LogOutput = io.Discard
		session, err := hashicorp.Server(link, config)
		must(err)
		accept := func() (io.ReadWriter, error) { return session.Accept() }
		open := func() error { _, err := session.OpenStream(); return err }
		return accept, open
	})
	show("libp2p/go-yamux", func(link net.Conn) (func() (io.ReadWriter, error), func() error) {
		config := libp2p.DefaultConfig()
		config.LogOutput = io.Discard
		session, err := libp2p.Server(link, config, nil)
		must(err)
		accept := func() (io.ReadWriter, error) { return session.AcceptStream() }
		open := func() error { _, err := session.OpenStream(nil); return err }
		return accept, open
	})
}

func show(name string, serve func(net.Conn) (func() (io.ReadWriter, error), func() error)) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	peer, err := net.Dial("tcp", listener.Addr().String())
	must(err)
	link, err := listener.Accept()
	must(err)
	accept, open := serve(link)
	bytes, _ := hex.DecodeString(frames)
	// Two writes: what follows the SYN is sent when the stream was accepted.
	_, err = peer.Write(bytes[:12])
	must(err)
	stream, err := accept()
	must(err)
	_, err = peer.Write(bytes[12:])
	must(err)
	ended := untilPongOrEnd(peer)

	_, writeErr := stream.Write([]byte("world"))
	// A session that is over tells its streams a moment later.
	for deadline := time.Now().Add(5 * time.Second); ended && writeErr == nil && time.Now().Before(deadline); {
		_, writeErr = stream.Write([]byte("world"))
	}
	hello := make([]byte, 5)
	n, readErr := io.ReadFull(stream, hello)
	fmt.Printf("%s: read %q, %v; write %v; open %v\n", name, hello[:n], readErr, writeErr, open())
}

// Reads headers of frames until the answer to the ping, or the end of the connection, which it tells.
func untilPongOrEnd(peer net.Conn) bool {
	for header := make([]byte, 12); ; {
		if _, err := io.ReadFull(peer, header); err != nil {
			return true
		}
		if header[1] == 2 && header[3] == 2 {
			return false
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO

go mod tidy 2> /dev/null
said=$(go run .)
echo "$said"
expected='hashicorp/yamux: read "hello", <nil>; write <nil>; open remote end is not accepting connections
libp2p/go-yamux: read "", remote sent go away, code: 0; write remote sent go away, code: 0; open remote sent go away, code: 0'
[ "$said" = "$expected" ]
