module pea2pea.interop/go-streams

go 1.25

require (
	github.com/hashicorp/yamux v0.1.2
	github.com/libp2p/go-yamux/v5 v5.1.0
	github.com/multiformats/go-multistream v0.6.1
	pea2pea.interop/lines v0.0.0
)

require (
	github.com/libp2p/go-buffer-pool v0.0.2 // indirect
	github.com/multiformats/go-varint v0.0.6 // indirect
)

replace pea2pea.interop/lines => ../lines
