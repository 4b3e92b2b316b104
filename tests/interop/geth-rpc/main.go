// JSON-RPC of go-ethereum over TCP on the loopback, for tests/interop/rpc.
//
// The commands are in tests/interop/rpc/rpc-end.ts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"

	"github.com/ethereum/go-ethereum/rpc"

	"pea2pea.interop/lines"
)

// Test has the methods that every end serves. Their names are test_add and so on.
type Test struct{}

type failure struct{}

func (failure) Error() string  { return "as it was told" }
func (failure) ErrorCode() int { return 7 }

func (Test) Add(a, b int) int { return a + b }

func (Test) Fail() error { return failure{} }

func (Test) Nothing() {}

func (Test) Note(text string) { lines.Say("note", lines.Fields{"text": text}) }

// Call is a request to make.
type Call struct {
	Method string
	Params []any
}

func outcome(result any, err error) lines.Fields {
	if err == nil {
		return lines.Fields{"result": result}
	}
	said := lines.Fields{"message": err.Error()}
	var coded rpc.Error
	if errors.As(err, &coded) {
		said["code"] = coded.ErrorCode()
	}
	return lines.Fields{"error": said}
}

func main() {
	server := rpc.NewServer()
	if err := server.RegisterName("test", Test{}); err != nil {
		panic(err)
	}
	var client *rpc.Client
	call := func(call Call) lines.Fields {
		var result any
		err := client.CallContext(context.Background(), &result, call.Method, call.Params...)
		return outcome(result, err)
	}
	lines.Serve(map[string]lines.Handler{
		"listen": func([]byte) (lines.Fields, error) {
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			go server.ServeListener(listener)
			return lines.Fields{"port": listener.Addr().(*net.TCPAddr).Port}, nil
		},
		"dial": lines.With(func(to struct{ Port int }) (lines.Fields, error) {
			conn, err := lines.Dial(to.Port)
			if err != nil {
				return nil, err
			}
			client, err = rpc.DialIO(context.Background(), conn, conn)
			return nil, err
		}),
		"call": lines.With(func(one Call) (lines.Fields, error) { return call(one), nil }),
		"calls": lines.With(func(all struct {
			Method string
			List   [][]any
		}) (lines.Fields, error) {
			outcomes := make([]lines.Fields, len(all.List))
			var running sync.WaitGroup
			for index, params := range all.List {
				running.Add(1)
				go func() {
					defer running.Done()
					outcomes[index] = call(Call{all.Method, params})
				}()
			}
			running.Wait()
			return lines.Fields{"outcomes": outcomes}, nil
		}),
		"notify": lines.With(func(one Call) (lines.Fields, error) {
			return nil, client.Notify(context.Background(), one.Method, one.Params...)
		}),
		"batch": lines.With(func(batch struct{ Calls []Call }) (lines.Fields, error) {
			elements := make([]rpc.BatchElem, len(batch.Calls))
			for index, one := range batch.Calls {
				elements[index] = rpc.BatchElem{Method: one.Method, Args: one.Params, Result: new(json.RawMessage)}
			}
			if err := client.BatchCall(elements); err != nil {
				return nil, err
			}
			var responses []lines.Fields
			for _, element := range elements {
				responses = append(responses, outcome(element.Result, element.Error))
			}
			return lines.Fields{"responses": responses}, nil
		}),
	})
}
