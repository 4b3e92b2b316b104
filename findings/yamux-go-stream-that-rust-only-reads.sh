#!/usr/bin/env bash
# A stream of yamux over which one side only sends, Go to Rust: an upload, a log. Rust's yamux 0.14.1 acknowledges a stream
# with its own first frame on it, which never comes if it only reads less than a window; hashicorp/yamux v0.1.2 ends the
# *session*, with all other streams, when a stream was not acknowledged within StreamOpenTimeout (75 s by default; a second
# here). So an idle upload to Rust takes the session of Go down with it. Exits 1 when the session lives on.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/rust/src" "$folder/go"

cd "$folder/rust"
cat > Cargo.toml <<'TOML'
[package]
name = "end"
version = "0.0.0"
edition = "2021"

[dependencies]
futures = "=0.3.31"
tokio = { version = "=1.48.0", features = ["net", "rt", "macros"] }
tokio-util = { version = "=0.7.17", features = ["compat"] }
yamux = "=0.14.1"
TOML
cat > src/main.rs <<'RUST'
use futures::{future::poll_fn, AsyncReadExt};
use tokio_util::compat::TokioAsyncReadCompatExt;
use yamux::{Config, Connection, Mode};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let (socket, _) = listener.accept().await.unwrap();
    let mut connection = Connection::new(socket.compat(), Config::default(), Mode::Server);
    let mut stream = poll_fn(|cx| connection.poll_next_inbound(cx)).await.unwrap().unwrap();
    let reader = tokio::spawn(async move {
        let mut bytes = vec![0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        println!("Rust has read {:?}", String::from_utf8(bytes).unwrap());
        // The stream stays open; there is nothing to be said on it.
        let _ = stream.read(&mut [0]).await;
    });
    while let Some(Ok(_)) = poll_fn(|cx| connection.poll_next_inbound(cx)).await {}
    reader.await.unwrap();
}
RUST
cargo build --quiet --release

cd "$folder/go"
cat > go.mod <<'GO'
module end

go 1.25

require github.com/hashicorp/yamux v0.1.2
GO
cat > main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hashicorp/yamux"
)

func main() {
	link, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	config := yamux.DefaultConfig()
	config.StreamOpenTimeout = time.Second
	config.LogOutput = os.Stdout
	session, _ := yamux.Client(link, config)
	stream, _ := session.Open()
	stream.Write([]byte("hello"))
	select {
	case <-session.CloseChan():
		fmt.Println("Go: the session is over")
	case <-time.After(10 * time.Second):
		fmt.Println("Go: the session lives")
		session.Close()
	}
}
GO
go mod tidy 2> /dev/null
go build -o end .

"$folder/rust/target/release/end" > "$folder/rust.out" &
rust=$!
until [ -s "$folder/rust.out" ]; do sleep 0.05; done
said=$(./end "$(head -n 1 "$folder/rust.out")")
wait "$rust"
tail -n +2 "$folder/rust.out"
echo "$said"
grep -qx 'Rust has read "hello"' "$folder/rust.out" && grep -qx 'Go: the session is over' <<< "$said"
