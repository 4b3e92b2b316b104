package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/multiformats/go-multistream"
	"pea2pea.interop/lines"
)

// session is what the implementations have in common.
type session interface {
	Open() (stream, error)
	Accept() (stream, error)
	Ping() (time.Duration, error)
	GoAway() error
	Close() error
	CloseChan() <-chan struct{}
	NumStreams() int
}

type stream interface {
	io.ReadWriter
	CloseWrite() error
	Reset() error
}

// end has one session, and the streams of it by number.
type end struct {
	make func(net.Conn, bool, Options) (session, error)

	mutex   sync.Mutex
	conn    net.Conn
	session session
	streams map[int]stream
}

type nothing struct{}

type onStream struct {
	Stream    int      `json:"stream"`
	Size      int      `json:"size"`
	Seed      int      `json:"seed"`
	Protocols []string `json:"protocols"`
}

func (e *end) begin(conn net.Conn, client bool, options Options) error {
	e.mutex.Lock()
	e.conn = conn
	e.mutex.Unlock()
	if options.Raw {
		e.keep(raw{conn.(*net.TCPConn)})
		return nil
	}
	session, err := e.make(conn, client, options)
	if err != nil {
		return err
	}
	e.mutex.Lock()
	e.session = session
	e.mutex.Unlock()
	go func() {
		for {
			accepted, err := session.Accept()
			if err != nil {
				return
			}
			if options.Serve == "echo" {
				go echo(accepted)
			} else {
				lines.Say("stream", lines.Fields{"stream": e.keep(accepted)})
			}
		}
	}()
	return nil
}

func echo(stream stream) {
	if _, err := io.Copy(stream, stream); err != nil {
		stream.Reset()
		return
	}
	stream.CloseWrite()
}

func (e *end) keep(stream stream) int {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	number := len(e.streams) + 1
	e.streams[number] = stream
	return number
}

func (e *end) at(number int) (stream, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	stream, ok := e.streams[number]
	if !ok {
		return nil, fmt.Errorf("there is no stream %d", number)
	}
	return stream, nil
}

func (e *end) current() session {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.session
}

func (e *end) open(nothing) (lines.Fields, error) {
	opened, err := e.current().Open()
	if err != nil {
		return nil, err
	}
	return lines.Fields{"stream": e.keep(opened)}, nil
}

// counted are bytes that count on from a seed.
func counted(seed, size int) []byte {
	bytes := make([]byte, size)
	for index := range bytes {
		bytes[index] = byte((seed + index) % 251)
	}
	return bytes
}

func (e *end) write(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	written, err := stream.Write(counted(a.Seed, a.Size))
	if err != nil {
		return nil, fmt.Errorf("%w, after %d bytes", err, written)
	}
	return nil, nil
}

// read reads `size` bytes, or to the end if that is 0.
func (e *end) read(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	var from io.Reader = stream
	if a.Size > 0 {
		from = io.LimitReader(stream, int64(a.Size))
	}
	length, err := io.Copy(hash, from)
	how := "end"
	if err != nil {
		how = err.Error()
	} else if a.Size > 0 && length == int64(a.Size) {
		how = "open"
	}
	return lines.Fields{"length": length, "digest": hex.EncodeToString(hash.Sum(nil)), "how": how}, nil
}

// exchange writes, ends, and reads to the end meanwhile.
func (e *end) exchange(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	written := make(chan error, 1)
	go func() {
		_, err := stream.Write(counted(a.Seed, a.Size))
		written <- errors.Join(err, stream.CloseWrite())
	}()
	result, err := e.read(onStream{Stream: a.Stream})
	return result, errors.Join(err, <-written)
}

func (e *end) closeWrite(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	return nil, stream.CloseWrite()
}

func (e *end) reset(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	return nil, stream.Reset()
}

func (e *end) ping(nothing) (lines.Fields, error) {
	took, err := e.current().Ping()
	return lines.Fields{"ms": took.Seconds() * 1000}, err
}

func (e *end) goAway(nothing) (lines.Fields, error) { return nil, e.current().GoAway() }

func (e *end) closeSession(nothing) (lines.Fields, error) { return nil, e.current().Close() }

// cut resets the connection.
func (e *end) cut(nothing) (lines.Fields, error) {
	e.conn.(*net.TCPConn).SetLinger(0)
	return nil, e.conn.Close()
}

// ended waits until the session is over.
func (e *end) ended(nothing) (lines.Fields, error) {
	<-e.current().CloseChan()
	return nil, nil
}

func (e *end) size(nothing) (lines.Fields, error) {
	return lines.Fields{"size": e.current().NumStreams()}, nil
}

func (e *end) selectOne(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	protocol, err := multistream.SelectOneOf(a.Protocols, closer{stream})
	return lines.Fields{"protocol": protocol}, err
}

func (e *end) handle(a onStream) (lines.Fields, error) {
	stream, err := e.at(a.Stream)
	if err != nil {
		return nil, err
	}
	muxer := multistream.NewMultistreamMuxer[string]()
	for _, protocol := range a.Protocols {
		muxer.AddHandler(protocol, nil)
	}
	protocol, _, err := muxer.Negotiate(closer{stream})
	return lines.Fields{"protocol": protocol}, err
}

func (e *end) list(onStream) (lines.Fields, error) { return nil, errors.ErrUnsupported }

// closer is a stream as multistream wants it.
type closer struct{ stream }

func (c closer) Close() error { return c.Reset() }

// raw is a TCP connection as a stream.
type raw struct{ *net.TCPConn }

func (r raw) Reset() error {
	r.SetLinger(0)
	return r.Close()
}
