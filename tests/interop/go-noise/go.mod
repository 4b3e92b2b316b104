module pea2pea.interop/go-noise

go 1.25

require (
	github.com/flynn/noise v1.1.0
	pea2pea.interop/lines v0.0.0
)

require (
	golang.org/x/crypto v0.0.0-20210322153248-0c34fe9e7dc2 // indirect
	golang.org/x/sys v0.0.0-20201119102817-f84b799fce68 // indirect
)

replace pea2pea.interop/lines => ../lines
