module pea2pea.interop/go-rpc

go 1.26

require (
	github.com/creachadair/jrpc2 v1.3.6
	pea2pea.interop/lines v0.0.0
)

require (
	github.com/creachadair/mds v0.31.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
)

replace pea2pea.interop/lines => ../lines
