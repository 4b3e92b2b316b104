// One side of Noise over TCP on the loopback, which then echoes; the commands are in tests/interop/noise/noise-end.ts.
package main

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"

	"github.com/flynn/noise"
	"pea2pea.interop/lines"
)

type settings struct {
	Port       int      `json:"port"`
	Protocol   string   `json:"protocol"`
	Prologue   string   `json:"prologue"`
	Key        string   `json:"key"`
	Remote     string   `json:"remote"`
	Psk        string   `json:"psk"`
	PskPlace   int      `json:"pskPlace"`
	Payloads   []string `json:"payloads"`
	Confirm    bool     `json:"confirm"`
	RekeyAfter int      `json:"rekeyAfter"`
}

var patterns = map[string]noise.HandshakePattern{
	"NN": noise.HandshakeNN, "NK": noise.HandshakeNK, "NX": noise.HandshakeNX,
	"KN": noise.HandshakeKN, "KK": noise.HandshakeKK, "KX": noise.HandshakeKX,
	"XN": noise.HandshakeXN, "XK": noise.HandshakeXK, "XX": noise.HandshakeXX,
	"IN": noise.HandshakeIN, "IK": noise.HandshakeIK, "IX": noise.HandshakeIX,
}

var ciphers = map[string]noise.CipherFunc{
	"ChaChaPoly": noise.CipherChaChaPoly, "AESGCM": noise.CipherAESGCM,
}

var hashes = map[string]noise.HashFunc{
	"SHA256": noise.HashSHA256, "SHA512": noise.HashSHA512,
	"BLAKE2s": noise.HashBLAKE2s, "BLAKE2b": noise.HashBLAKE2b,
}

func main() {
	lines.Serve(map[string]lines.Handler{
		"dial": lines.With(func(s settings) (lines.Fields, error) {
			conn, err := lines.Dial(s.Port)
			if err != nil {
				return nil, err
			}
			return shake(conn, s, true)
		}),
		"listen": lines.With(func(s settings) (lines.Fields, error) {
			return lines.Listen(func(conn net.Conn) {
				if fields, err := shake(conn, s, false); err != nil {
					lines.Say("refused", lines.Fields{"error": err.Error()})
				} else {
					lines.Say("shaken", fields)
				}
			})
		}),
	})
}

func bytesOf(text string) []byte {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	if len(bytes) == 0 {
		return nil
	}
	return bytes
}

// Performs the handshake; then a goroutine echoes until the connection ends.
func shake(conn net.Conn, s settings, initiator bool) (lines.Fields, error) {
	fields, err := shakeAndEcho(conn, s, initiator)
	if err != nil {
		conn.Close()
	}
	return fields, err
}

func shakeAndEcho(conn net.Conn, s settings, initiator bool) (lines.Fields, error) {
	parts := strings.Split(s.Protocol, "_")
	name, _, _ := strings.Cut(parts[1], "psk")
	suite := noise.NewCipherSuite(noise.DH25519, ciphers[parts[3]], hashes[parts[4]])
	config := noise.Config{
		CipherSuite: suite, Pattern: patterns[name], Initiator: initiator, Prologue: bytesOf(s.Prologue),
		PeerStatic: bytesOf(s.Remote), PresharedKey: bytesOf(s.Psk), PresharedKeyPlacement: s.PskPlace,
	}
	if key := bytesOf(s.Key); key != nil {
		// Its own public key comes from a reader of the private one.
		pair, err := noise.DH25519.GenerateKeypair(strings.NewReader(string(key)))
		if err != nil {
			return nil, err
		}
		config.StaticKeypair = pair
	}
	state, err := noise.NewHandshakeState(config)
	if err != nil {
		return nil, err
	}
	received := []string{}
	var first, second *noise.CipherState
	for turn, own := 0, 0; first == nil; turn++ {
		if (turn%2 == 0) == initiator {
			var payload []byte
			if own < len(s.Payloads) {
				payload = bytesOf(s.Payloads[own])
			}
			own++
			var message []byte
			if message, first, second, err = state.WriteMessage(nil, payload); err != nil {
				return nil, err
			}
			if err = writeFramed(conn, message); err != nil {
				return nil, err
			}
		} else {
			message, err := readFramed(conn)
			if err != nil {
				return nil, err
			}
			var payload []byte
			if payload, first, second, err = state.ReadMessage(nil, message); err != nil {
				return nil, err
			}
			received = append(received, hex.EncodeToString(payload))
		}
	}
	sending, receiving := first, second
	if !initiator {
		sending, receiving = second, first
	}
	out, in := &direction{state: sending, after: s.RekeyAfter}, &direction{state: receiving, after: s.RekeyAfter}
	if s.Confirm {
		sealed, err := out.seal(nil)
		if err != nil {
			return nil, err
		}
		if err := writeFramed(conn, sealed); err != nil {
			return nil, err
		}
	}
	go echo(conn, out, in)
	return lines.Fields{
		"hash": hex.EncodeToString(state.ChannelBinding()), "remote": hex.EncodeToString(state.PeerStatic()),
		"payloads": received,
	}, nil
}

type direction struct {
	state *noise.CipherState
	after int
	count int
}

func (d *direction) seal(plain []byte) ([]byte, error) {
	sealed, err := d.state.Encrypt(nil, nil, plain)
	d.next()
	return sealed, err
}

func (d *direction) open(sealed []byte) ([]byte, error) {
	plain, err := d.state.Decrypt(nil, nil, sealed)
	d.next()
	return plain, err
}

func (d *direction) next() {
	if d.count++; d.after > 0 && d.count%d.after == 0 {
		d.state.Rekey()
	}
}

func echo(conn net.Conn, out, in *direction) {
	defer conn.Close()
	for {
		sealed, err := readFramed(conn)
		if err != nil {
			return
		}
		plain, err := in.open(sealed)
		if err != nil {
			lines.Say("refused", lines.Fields{"error": err.Error()})
			return
		}
		if sealed, err = out.seal(plain); err != nil {
			return
		}
		if writeFramed(conn, sealed) != nil {
			return
		}
	}
}

func readFramed(conn net.Conn) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}

func writeFramed(conn net.Conn, message []byte) error {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(message)))
	_, err := conn.Write(append(framed, message...))
	return err
}
