// A go-libp2p host with TCP, Noise and yamux on the loopback, for tests/interop/libp2p-hosts, where the commands are: see
// host-end.ts.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"pea2pea.interop/lines"
)

const timeout = 30 * time.Second

type to struct {
	Address  string `json:"address"`
	Protocol string `json:"protocol"`
	Size     int    `json:"size"`
	Seed     int    `json:"seed"`
}

func main() {
	host, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
	)
	if err != nil {
		panic(err)
	}
	host.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, conn network.Conn) {
			lines.Say("open", lines.Fields{"peerId": conn.RemotePeer().String()})
		},
		DisconnectedF: func(_ network.Network, conn network.Conn) {
			lines.Say("close", lines.Fields{"peerId": conn.RemotePeer().String()})
		},
	})
	host.SetStreamHandler("/echo/1.0.0", func(stream network.Stream) {
		if _, err := io.Copy(stream, stream); err != nil {
			stream.Reset()
			return
		}
		stream.CloseWrite()
	})
	// Reads to the end, and says what it read.
	host.SetStreamHandler("/report/1.0.0", func(stream network.Stream) {
		lines.Say("report", read(stream))
		stream.Close()
	})
	// Reads one byte, and resets the stream.
	host.SetStreamHandler("/reset/1.0.0", func(stream network.Stream) {
		io.ReadFull(stream, make([]byte, 1))
		stream.Reset()
	})
	end := end{host}
	lines.Serve(map[string]lines.Handler{
		"where":    lines.With(end.where),
		"dial":     lines.With(end.dial),
		"ping":     lines.With(end.ping),
		"identify": lines.With(end.identify),
		"exchange": lines.With(end.exchange),
		"hangUp":   lines.With(end.hangUp),
	})
}

func read(stream io.Reader) lines.Fields {
	hash := sha256.New()
	length, err := io.Copy(hash, stream)
	how := "end"
	if err != nil {
		how = err.Error()
	}
	return lines.Fields{"length": length, "digest": hex.EncodeToString(hash.Sum(nil)), "how": how}
}

type end struct{ host.Host }

func (e end) where(to) (lines.Fields, error) {
	address := e.Addrs()[0].String() + "/p2p/" + e.ID().String()
	return lines.Fields{"peerId": e.ID().String(), "address": address}, nil
}

func (e end) connect(address string) (context.Context, context.CancelFunc, peer.ID, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return ctx, cancel, "", err
	}
	return ctx, cancel, info.ID, e.Connect(ctx, *info)
}

func (e end) dial(a to) (lines.Fields, error) {
	_, cancel, id, err := e.connect(a.Address)
	defer cancel()
	return lines.Fields{"peerId": id.String()}, err
}

func (e end) ping(a to) (lines.Fields, error) {
	ctx, cancel, id, err := e.connect(a.Address)
	defer cancel()
	if err != nil {
		return nil, err
	}
	result := <-ping.Ping(ctx, e.Host, id)
	return lines.Fields{"ms": result.RTT.Seconds() * 1000}, result.Error
}

func (e end) identify(a to) (lines.Fields, error) {
	ctx, cancel, id, err := e.connect(a.Address)
	defer cancel()
	if err != nil {
		return nil, err
	}
	service := e.Host.(interface{ IDService() identify.IDService }).IDService()
	select {
	case <-service.IdentifyWait(e.Network().ConnsToPeer(id)[0]):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	agent, err := e.Peerstore().Get(id, "AgentVersion")
	if err != nil {
		return nil, err
	}
	protocols, err := e.Peerstore().GetProtocols(id)
	return lines.Fields{"agentVersion": agent, "protocols": protocols}, err
}

// exchange opens a stream, writes, ends it, and reads to the end meanwhile.
func (e end) exchange(a to) (lines.Fields, error) {
	ctx, cancel, id, err := e.connect(a.Address)
	defer cancel()
	if err != nil {
		return nil, err
	}
	stream, err := e.NewStream(ctx, id, protocol.ID(a.Protocol))
	if err != nil {
		return nil, err
	}
	written := make(chan error, 1)
	go func() {
		bytes := make([]byte, a.Size)
		for index := range bytes {
			bytes[index] = byte((a.Seed + index) % 251)
		}
		_, err := stream.Write(bytes)
		written <- errors.Join(err, stream.CloseWrite())
	}()
	result := read(stream)
	<-written
	return result, nil
}

func (e end) hangUp(to) (lines.Fields, error) {
	var failed error
	for _, id := range e.Network().Peers() {
		failed = errors.Join(failed, e.Network().ClosePeer(id))
	}
	return nil, failed
}
