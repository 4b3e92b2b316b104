module pea2pea.interop/lines

go 1.25
