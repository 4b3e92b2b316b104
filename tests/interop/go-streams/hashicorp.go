package main

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/hashicorp/yamux"
)

type hashicorp struct{ *yamux.Session }

func newHashicorp(conn net.Conn, client bool, options Options) (session, error) {
	config := yamux.DefaultConfig()
	config.LogOutput = os.Stderr
	config.EnableKeepAlive = options.KeepAliveMs > 0
	if options.KeepAliveMs > 0 {
		config.KeepAliveInterval = time.Duration(options.KeepAliveMs) * time.Millisecond
	}
	if options.Window > 0 {
		config.MaxStreamWindowSize = options.Window
	}
	make := yamux.Server
	if client {
		make = yamux.Client
	}
	session, err := make(conn, config)
	return hashicorp{session}, err
}

func (s hashicorp) Open() (stream, error) {
	opened, err := s.OpenStream()
	return hashicorpStream{opened}, err
}

func (s hashicorp) Accept() (stream, error) {
	accepted, err := s.AcceptStream()
	return hashicorpStream{accepted}, err
}

type hashicorpStream struct{ *yamux.Stream }

// CloseWrite is what Close does here: a half-close.
func (s hashicorpStream) CloseWrite() error { return s.Close() }

// Reset: this implementation never resets a stream of its own accord.
func (s hashicorpStream) Reset() error { return errors.ErrUnsupported }
