// Messages in frames over TCP on the loopback, for tests/interop/messages.
//
//	program msgpack | cbor | protobuf
//
// The commands are in tests/interop/messages/message-end.ts: it reads each frame as a value of a type, says what it has
// read, and sends the value back, written anew.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"pea2pea.interop/lines"
)

// A format reads and writes frames.
type format struct {
	// A value of the type, or an error.
	read func(as string, frame []byte) (any, error)
	// The bytes of a value that was read or made.
	write func(as string, value any) ([]byte, error)
	// A value of the type that is described.
	make    func(as string, described json.RawMessage) (any, error)
	framing framing
}

type framing interface {
	next(in *bufio.Reader) ([]byte, error)
	frame(payload []byte) []byte
}

type prefixed struct{}

func (prefixed) next(in *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(in, payload)
	return payload, err
}

func (prefixed) frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

type end struct {
	format
	mutex sync.Mutex
	conn  net.Conn
}

type command struct {
	Port   int               `json:"port"`
	As     string            `json:"as"`
	Values []json.RawMessage `json:"values"`
}

func (e *end) serve(conn net.Conn, as string) {
	e.mutex.Lock()
	e.conn = conn
	e.mutex.Unlock()
	in := bufio.NewReader(conn)
	for {
		frame, err := e.framing.next(in)
		if err != nil {
			return
		}
		value, err := e.read(as, frame)
		if err != nil {
			lines.Say("refused", lines.Fields{"error": err.Error()})
			continue
		}
		lines.Say("value", lines.Fields{"value": describe(value)})
		if err := e.send(as, value); err != nil {
			lines.Say("unsendable", lines.Fields{"error": err.Error()})
		}
	}
}

func (e *end) send(as string, value any) error {
	payload, err := e.write(as, value)
	if err != nil {
		return err
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	_, err = e.conn.Write(e.framing.frame(payload))
	return err
}

func (e *end) listen(c command) (lines.Fields, error) {
	return lines.Listen(func(conn net.Conn) {
		lines.Say("connected", nil)
		e.serve(conn, c.As)
	})
}

func (e *end) dial(c command) (lines.Fields, error) {
	conn, err := lines.Dial(c.Port)
	if err != nil {
		return nil, err
	}
	go e.serve(conn, c.As)
	lines.Say("connected", nil)
	return nil, nil
}

func (e *end) sendAll(c command) (lines.Fields, error) {
	for _, described := range c.Values {
		value, err := e.make(c.As, described)
		if err != nil {
			return nil, err
		}
		if err := e.send(c.As, value); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func main() {
	formats := map[string]format{"msgpack": msgpackFormat, "cbor": cborFormat, "protobuf": protobufFormat}
	chosen, ok := formats[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "which format?")
		os.Exit(2)
	}
	end := &end{format: chosen}
	lines.Serve(map[string]lines.Handler{
		"listen": lines.With(end.listen),
		"dial":   lines.With(end.dial),
		"send":   lines.With(end.sendAll),
	})
}
