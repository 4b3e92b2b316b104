#!/usr/bin/env bash
# JSON-RPC 1.0: a response holds a result, and an error that is null where there was none. Null is a result as any other.
#
#   Go net/rpc/jsonrpc (of Go 1.26.8): the server writes a reply that is a nil slice, map or pointer as
#   `"result":null,"error":null`; the client takes a result of null for an error that it cannot read, so that a call which
#   succeeded fails with "invalid error <nil>". An empty slice that is not nil arrives.
#
# It needs Go, and nothing else. Exits 1 when it behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
)

type Mailbox struct{}

// Unread has no messages to return, in one of the two ways that Go has for it.
func (Mailbox) Unread(isNil bool, messages *[]string) error {
	if isNil {
		*messages = nil
	} else {
		*messages = []string{}
	}
	return nil
}

type recorded struct {
	io.Reader
	net.Conn
}

func (r recorded) Read(bytes []byte) (int, error) { return r.Reader.Read(bytes) }

func main() {
	server := rpc.NewServer()
	if err := server.Register(Mailbox{}); err != nil {
		panic(err)
	}
	for _, isNil := range []bool{false, true} {
		ours, theirs := net.Pipe()
		go server.ServeCodec(jsonrpc.NewServerCodec(theirs))
		client := jsonrpc.NewClient(recorded{io.TeeReader(ours, os.Stdout), ours})
		var messages []string
		fmt.Printf("error: %v\n", client.Call("Mailbox.Unread", isNil, &messages))
	}
}
GO

said=$(GOFLAGS=-mod=mod GO111MODULE=off go run main.go)
echo "$said"
expected='{"id":0,"result":[],"error":null}
error: <nil>
{"id":0,"result":null,"error":null}
error: invalid error <nil>'
[ "$said" = "$expected" ]
