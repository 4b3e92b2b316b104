package main

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/libp2p/go-yamux/v5"
)

type goYamux struct{ *yamux.Session }

func newGoYamux(conn net.Conn, client bool, options Options) (session, error) {
	config := yamux.DefaultConfig()
	config.LogOutput = os.Stderr
	config.EnableKeepAlive = options.KeepAliveMs > 0
	if options.KeepAliveMs > 0 {
		config.KeepAliveInterval = time.Duration(options.KeepAliveMs) * time.Millisecond
	}
	if options.Window > 0 {
		config.InitialStreamWindowSize = options.Window
		config.MaxStreamWindowSize = max(options.Window, config.MaxStreamWindowSize)
	}
	make := yamux.Server
	if client {
		make = yamux.Client
	}
	session, err := make(conn, config, nil)
	return goYamux{session}, err
}

func (s goYamux) Open() (stream, error) {
	return s.OpenStream(context.Background())
}

func (s goYamux) Accept() (stream, error) { return s.AcceptStream() }

func (s goYamux) GoAway() error { return s.Session.GoAway() }
