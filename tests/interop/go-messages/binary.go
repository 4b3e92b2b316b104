package main

import (
	"encoding/json"
	"reflect"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
)

var msgpackFormat = formatOf(
	msgpack.Unmarshal,
	func(_ string, value any) ([]byte, error) { return msgpack.Marshal(value) },
)

// Without options a time goes out as seconds, a bare number.
var defaultCBOR = must(cbor.EncOptions{}.EncMode())

// Tag 1, with a fraction of a second.
var timesCBOR = must(cbor.EncOptions{Time: cbor.TimeUnixDynamic, TimeTag: cbor.EncTagRequired}.EncMode())

var cborFormat = formatOf(
	cbor.Unmarshal,
	func(as string, value any) ([]byte, error) {
		if as == "default-time" {
			return defaultCBOR.Marshal(value)
		}
		return timesCBOR.Marshal(value)
	},
)

func formatOf(unmarshal func([]byte, any) error, marshal func(string, any) ([]byte, error)) format {
	return format{
		read: func(as string, frame []byte) (any, error) {
			target, err := typed(as)
			if err != nil {
				return nil, err
			}
			err = unmarshal(frame, target)
			return reflect.ValueOf(target).Elem().Interface(), err
		},
		write:   marshal,
		make:    func(_ string, described json.RawMessage) (any, error) { return made(described) },
		framing: prefixed{},
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
