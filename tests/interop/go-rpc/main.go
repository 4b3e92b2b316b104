// JSON-RPC over TCP on the loopback, for tests/interop/rpc.
//
//	program jrpc2 | net-rpc
//
// The commands are in tests/interop/rpc/rpc-end.ts.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"

	"pea2pea.interop/lines"
)

// Failure is an error as the other side gave it.
type Failure struct {
	Code    *int   `json:"code"`
	Message string `json:"message"`
}

// Call is a request to make.
type Call struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Key    string          `json:"key"`
}

type client interface {
	call(Call) (any, *Failure)
	notify(Call) error
	batch(calls, notifications []Call) (any, error)
	cancel(key string)
}

type implementation struct {
	serve func(net.Conn)
	dial  func(net.Conn) client
}

func outcome(client client, call Call) lines.Fields {
	result, failure := client.call(call)
	if failure != nil {
		return lines.Fields{"error": failure}
	}
	return lines.Fields{"result": result}
}

func main() {
	chosen, ok := map[string]implementation{"jrpc2": jrpc2Ends, "net-rpc": netRPCEnds}[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "which implementation?")
		os.Exit(2)
	}
	var client client
	lines.Serve(map[string]lines.Handler{
		"listen": func([]byte) (lines.Fields, error) {
			return lines.Listen(chosen.serve)
		},
		"dial": lines.With(func(to struct{ Port int }) (lines.Fields, error) {
			conn, err := lines.Dial(to.Port)
			if err != nil {
				return nil, err
			}
			client = chosen.dial(conn)
			return nil, nil
		}),
		"call": lines.With(func(call Call) (lines.Fields, error) { return outcome(client, call), nil }),
		"calls": lines.With(func(all struct {
			Method string
			List   []json.RawMessage
		}) (lines.Fields, error) {
			outcomes := make([]lines.Fields, len(all.List))
			var running sync.WaitGroup
			for index, params := range all.List {
				running.Add(1)
				go func() {
					defer running.Done()
					outcomes[index] = outcome(client, Call{Method: all.Method, Params: params})
				}()
			}
			running.Wait()
			return lines.Fields{"outcomes": outcomes}, nil
		}),
		"notify": lines.With(func(call Call) (lines.Fields, error) { return nil, client.notify(call) }),
		"batch": lines.With(func(batch struct{ Calls, Notifications []Call }) (lines.Fields, error) {
			responses, err := client.batch(batch.Calls, batch.Notifications)
			return lines.Fields{"responses": responses}, err
		}),
		"cancel": lines.With(func(call Call) (lines.Fields, error) { client.cancel(call.Key); return nil, nil }),
	})
}
