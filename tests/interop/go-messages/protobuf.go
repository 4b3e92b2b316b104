package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	// Registers the types that every implementation has.
	"google.golang.org/protobuf/reflect/protoreflect"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/typepb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// A message describes itself as its JSON, which the specification of protobuf defines.
type message struct{ proto.Message }

func (m message) describe() any {
	text, err := protojson.Marshal(m.Message)
	if err != nil {
		return err.Error()
	}
	return json.RawMessage(text)
}

func newMessage(as string) (message, error) {
	found, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("google.protobuf." + as))
	if err != nil {
		return message{}, fmt.Errorf("there is no type %s", as)
	}
	return message{found.New().Interface()}, nil
}

var protobufFormat = format{
	read: func(as string, frame []byte) (any, error) {
		m, err := newMessage(as)
		if err != nil {
			return nil, err
		}
		return m, protodelim.UnmarshalFrom(bytes.NewReader(frame), m.Message)
	},
	write: func(_ string, value any) ([]byte, error) {
		var out bytes.Buffer
		_, err := protodelim.MarshalTo(&out, value.(message).Message)
		return out.Bytes(), err
	},
	// A string is the message in hexadecimal, anything else its JSON.
	make: func(as string, described json.RawMessage) (any, error) {
		m, err := newMessage(as)
		if err != nil {
			return nil, err
		}
		var wire struct{ Hex *string }
		if json.Unmarshal(described, &wire) == nil && wire.Hex != nil {
			payload, err := hex.DecodeString(*wire.Hex)
			if err != nil {
				return nil, err
			}
			return m, proto.Unmarshal(payload, m.Message)
		}
		return m, protojson.Unmarshal(described, m.Message)
	},
	framing: delimited{},
}

// delimited leaves the length in the frame: protodelim reads and writes it.
type delimited struct{}

func (delimited) next(in *bufio.Reader) ([]byte, error) {
	var frame []byte
	size := uint64(0)
	for shift := 0; ; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return nil, err
		}
		frame = append(frame, b)
		size |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	payload := make([]byte, size)
	_, err := io.ReadFull(in, payload)
	return append(frame, payload...), err
}

func (delimited) frame(payload []byte) []byte { return payload }
