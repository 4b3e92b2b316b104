#!/usr/bin/env bash
# Go writes 16 MiB with one call to a stream of yamux; Rust reads them all. hashicorp/yamux v0.1.2 makes a frame as large as
# the receiver's window allows; Rust's yamux 0.14.1 enlarges its window while it reads (to 16 MiB), and refuses a frame with
# a body of more than 1 MiB (`FrameTooLarge`). So the window that Rust itself granted ends the whole session after some MiB,
# with default settings on both sides. In Rust: `FrameTooLarge(1572864)` after 2 359 296 bytes, and a stream that reads as
# if it had ended in order (`Ok(0)`); in Go: "stream closed" or "session shutdown". Exits 1 when all bytes arrive, or the end
# is another one.
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
        let mut bytes = vec![0; 64 * 1024];
        let mut total = 0;
        loop {
            match stream.read(&mut bytes).await {
                Ok(0) => break (total, "Ok(0)".to_string()),
                Ok(count) => total += count,
                Err(error) => break (total, error.to_string()),
            }
        }
    });
    let session = poll_fn(|cx| connection.poll_next_inbound(cx)).await;
    println!("session of Rust: {:?}", session.map(|stream| stream.map(|_| ())));
    let (total, end) = reader.await.unwrap();
    println!("stream of Rust: {end} after {}", if total < 16 << 20 { "a part" } else { "all" });
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
	"io"
	"net"
	"os"

	"github.com/hashicorp/yamux"
)

func main() {
	link, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	config := yamux.DefaultConfig()
	config.LogOutput = io.Discard
	session, _ := yamux.Client(link, config)
	stream, _ := session.Open()
	_, err = stream.Write(make([]byte, 16<<20))
	fmt.Println("write of Go:", err)
	stream.Close()
	session.Close()
}
GO
go mod tidy 2> /dev/null
go build -o end .

"$folder/rust/target/release/end" > "$folder/rust.out" &
rust=$!
until [ -s "$folder/rust.out" ]; do sleep 0.05; done
./end "$(head -n 1 "$folder/rust.out")"
wait "$rust"
said=$(tail -n +2 "$folder/rust.out")
echo "$said"
[[ "$said" =~ ^'session of Rust: Some(Err(Decode(FrameTooLarge('[0-9]+'))))'$'\n''stream of Rust: Ok(0) after a part'$ ]]
