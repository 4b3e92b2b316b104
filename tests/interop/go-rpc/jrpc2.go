package main

import (
	"context"
	"encoding/json"
	"net"
	"sync"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"

	"pea2pea.interop/lines"
)

// Both sides speak JSON values back to back.
var jrpc2Ends = implementation{
	serve: func(conn net.Conn) {
		var server *jrpc2.Server
		server = jrpc2.NewServer(handler.Map{
			"add":     handler.New(func(_ context.Context, numbers []int) int { return numbers[0] + numbers[1] }),
			"fail":    handler.New(func(context.Context) error { return jrpc2.Errorf(7, "as it was told") }),
			"nothing": handler.New(func(context.Context) error { return nil }),
			"note": handler.New(func(_ context.Context, texts []string) error {
				lines.Say("note", lines.Fields{"text": texts[0]})
				return nil
			}),
			"wait": handler.New(func(ctx context.Context) error {
				lines.Say("waiting", nil)
				<-ctx.Done()
				lines.Say("cancelled", nil)
				return ctx.Err()
			}),
			// The server has no method of this name by itself: its documentation leaves that to the application.
			"rpc.cancel": handler.New(func(_ context.Context, ids []json.RawMessage) error {
				for _, id := range ids {
					server.CancelRequest(string(id))
				}
				return nil
			}),
		}, &jrpc2.ServerOptions{Concurrency: 100, AllowPush: true, DisableBuiltin: true}).Start(channel.RawJSON(conn, conn))
		server.Wait()
	},
	dial: func(conn net.Conn) client {
		made := jrpc2.NewClient(channel.RawJSON(conn, conn), &jrpc2.ClientOptions{
			OnCancel: func(client *jrpc2.Client, response *jrpc2.Response) {
				client.Notify(context.Background(), "rpc.cancel", []json.RawMessage{json.RawMessage(response.ID())})
			},
		})
		return &jrpc2Client{client: made, cancels: map[string]context.CancelFunc{}}
	},
}

type jrpc2Client struct {
	client  *jrpc2.Client
	lock    sync.Mutex
	cancels map[string]context.CancelFunc
}

func failureOf(err error) *Failure {
	if failed, ok := err.(*jrpc2.Error); ok {
		code := int(failed.Code)
		return &Failure{Code: &code, Message: failed.Message}
	}
	return &Failure{Message: err.Error()}
}

func (c *jrpc2Client) call(call Call) (any, *Failure) {
	ctx, cancel := context.WithCancel(context.Background())
	c.lock.Lock()
	c.cancels[call.Key] = cancel
	c.lock.Unlock()
	var result any
	if err := c.client.CallResult(ctx, call.Method, call.Params, &result); err != nil {
		return nil, failureOf(err)
	}
	return result, nil
}

func (c *jrpc2Client) notify(call Call) error {
	return c.client.Notify(context.Background(), call.Method, call.Params)
}

func (c *jrpc2Client) batch(calls, notifications []Call) (any, error) {
	var specs []jrpc2.Spec
	for _, call := range calls {
		specs = append(specs, jrpc2.Spec{Method: call.Method, Params: call.Params})
	}
	for _, call := range notifications {
		specs = append(specs, jrpc2.Spec{Method: call.Method, Params: call.Params, Notify: true})
	}
	responses, err := c.client.Batch(context.Background(), specs)
	if err != nil {
		return nil, err
	}
	var results []lines.Fields
	for _, response := range responses {
		if failed := response.Error(); failed != nil {
			results = append(results, lines.Fields{"error": failureOf(failed)})
			continue
		}
		var result any
		response.UnmarshalResult(&result)
		results = append(results, lines.Fields{"result": result})
	}
	return results, nil
}

func (c *jrpc2Client) cancel(key string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.cancels[key]()
}
