// Package lines is the protocol of tests/interop/README.md for ends in Go: commands in, results and events out.
package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
)

// Fields is what belongs to a result or an event.
type Fields map[string]any

// Handler does what one command says. It may block: each command runs on a goroutine of its own.
type Handler func(arguments []byte) (Fields, error)

var out sync.Mutex

// Say prints an event.
func Say(event string, fields Fields) {
	line := Fields{"event": event}
	for name, value := range fields {
		line[name] = value
	}
	bytes, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	out.Lock()
	defer out.Unlock()
	os.Stdout.Write(append(bytes, '\n'))
}

// With makes a Handler of a function that wants its arguments as a T.
func With[T any](do func(T) (Fields, error)) Handler {
	return func(arguments []byte) (Fields, error) {
		var parsed T
		if err := json.Unmarshal(arguments, &parsed); err != nil {
			return nil, err
		}
		return do(parsed)
	}
}

// Listen calls serve for each connection, on a goroutine of its own, and returns the port.
func Listen(serve func(net.Conn)) (Fields, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return Fields{"port": listener.Addr().(*net.TCPAddr).Port}, nil
}

// Dial connects to a port of this machine.
func Dial(port int) (net.Conn, error) {
	return net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
}

// Serve says that the end is ready, runs commands until standard input ends, and returns.
func Serve(handlers map[string]Handler) {
	Say("ready", nil)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		go run(handlers, line)
	}
}

func run(handlers map[string]Handler, line []byte) {
	var command struct {
		ID      any    `json:"id"`
		Command string `json:"command"`
	}
	if err := json.Unmarshal(line, &command); err != nil {
		panic(err)
	}
	fields, err := Fields(nil), fmt.Errorf("there is no command %q", command.Command)
	if handler, ok := handlers[command.Command]; ok {
		fields, err = handler(line)
	}
	if err != nil {
		Say("failed", Fields{"id": command.ID, "error": err.Error()})
		return
	}
	result := Fields{"id": command.ID}
	for name, value := range fields {
		result[name] = value
	}
	Say("done", result)
}
