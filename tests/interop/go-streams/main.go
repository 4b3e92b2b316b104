// Yamux sessions and multistream-select over TCP on the loopback, for tests/interop/streams.
//
//	program hashicorp | go-yamux [options as JSON]
//
// The commands are in tests/interop/streams/stream-end.ts.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"

	"pea2pea.interop/lines"
)

// Options of a session.
type Options struct {
	// What a stream may receive before it is read, in bytes; 0 is the default of the implementation.
	Window uint32 `json:"window"`
	// 0 means that there is no keep-alive.
	KeepAliveMs int `json:"keepAliveMs"`
	// What becomes of streams that are accepted: "echo", "keep".
	Serve string `json:"serve"`
	// Nothing is put over the connection: it is stream 1.
	Raw bool `json:"raw"`
}

type link struct {
	Options
	Port int `json:"port"`
}

func main() {
	make, ok := map[string]func(net.Conn, bool, Options) (session, error){
		"hashicorp": newHashicorp,
		"go-yamux":  newGoYamux,
	}[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "which implementation?")
		os.Exit(2)
	}
	var defaults Options
	if len(os.Args) > 2 {
		if err := json.Unmarshal([]byte(os.Args[2]), &defaults); err != nil {
			panic(err)
		}
	}
	end := &end{make: make, streams: map[int]stream{}}
	listen := func(options Options) (lines.Fields, error) {
		return lines.Listen(func(conn net.Conn) {
			if err := end.begin(conn, false, options); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			lines.Say("session", nil)
		})
	}
	dial := func(link link) (lines.Fields, error) {
		conn, err := lines.Dial(link.Port)
		if err != nil {
			return nil, err
		}
		return nil, end.begin(conn, true, link.Options)
	}
	lines.Serve(map[string]lines.Handler{
		"listen":       lines.With(listen),
		"dial":         lines.With(dial),
		"open":         lines.With(end.open),
		"write":        lines.With(end.write),
		"read":         lines.With(end.read),
		"exchange":     lines.With(end.exchange),
		"closeWrite":   lines.With(end.closeWrite),
		"reset":        lines.With(end.reset),
		"ping":         lines.With(end.ping),
		"goAway":       lines.With(end.goAway),
		"closeSession": lines.With(end.closeSession),
		"cut":          lines.With(end.cut),
		"ended":        lines.With(end.ended),
		"size":         lines.With(end.size),
		"select":       lines.With(end.selectOne),
		"handle":       lines.With(end.handle),
		"list":         lines.With(end.list),
	})
}
