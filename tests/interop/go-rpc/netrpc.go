package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"

	"pea2pea.interop/lines"
)

// Test has the methods that every end serves, as net/rpc wants them.
type Test struct{}

// Pair is what add takes: net/rpc has one argument.
type Pair struct{ A, B int }

// Text is what note takes.
type Text struct{ Text string }

func (Test) Add(pair Pair, sum *int) error {
	*sum = pair.A + pair.B
	return nil
}

func (Test) Fail(_ Pair, _ *int) error { return errors.New("as it was told") }

func (Test) Nothing(_ Pair, _ **int) error { return nil }

func (Test) Note(text Text, _ *int) error {
	lines.Say("note", lines.Fields{"text": text.Text})
	return nil
}

var netRPCEnds = implementation{
	serve: func(conn net.Conn) {
		server := rpc.NewServer()
		if err := server.Register(Test{}); err != nil {
			panic(err)
		}
		server.ServeCodec(jsonrpc.NewServerCodec(conn))
	},
	dial: func(conn net.Conn) client { return netRPCClient{jsonrpc.NewClient(conn)} },
}

type netRPCClient struct{ client *rpc.Client }

func (c netRPCClient) call(call Call) (any, *Failure) {
	var params any
	if err := json.Unmarshal(call.Params, &params); err != nil {
		return nil, &Failure{Message: err.Error()}
	}
	var result any
	if err := c.client.Call(call.Method, params, &result); err != nil {
		return nil, &Failure{Message: err.Error()}
	}
	return result, nil
}

func (netRPCClient) notify(Call) error { return errors.New("net/rpc has no notifications") }

func (netRPCClient) batch(_, _ []Call) (any, error) { return nil, errors.New("net/rpc has no batches") }

func (netRPCClient) cancel(string) {}
