#!/usr/bin/env bash
# A float that happens to be whole, on its way through CBOR to a field `f64` of Rust. JavaScript has one kind of number, so
# cbor-x sends 20.0 as the integer 20, and RFC 8949 (section 4.2.2) leaves it to applications whether the two are the same. What
# an f64 of serde makes of it:
#
#   ciborium 0.2.2, minicbor-serde 0.6.2, cbor4ii 1.2.1   an error: an integer is not a float
#   serde_cbor_2 0.13.0 (and serde_json)                  20
#
# So a thermometer works until the temperature is whole. Exits 1 when one of them behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . cbor-x@1.6.9 > /dev/null
cat > send.mjs <<'JS'
import { encode } from 'cbor-x';

for (const temperature of [20.5, 20.0]) console.log(encode({ temperature }).toString('hex'));
JS
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "end"
version = "0.0.0"
edition = "2021"

[dependencies]
cbor4ii = { version = "=1.2.1", features = ["serde1", "use_std"] }
ciborium = "=0.2.2"
minicbor-serde = { version = "=0.6.2", features = ["std"] }
serde = { version = "=1.0.228", features = ["derive"] }
serde_cbor_2 = "=0.13.0"
serde_json = "=1.0.145"
TOML
cat > src/main.rs <<'RUST'
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Reading {
    temperature: f64,
}

fn show<E: std::fmt::Debug>(library: &str, read: Result<Reading, E>) {
    println!("{library}: {}", match read { Ok(r) => r.temperature.to_string(), Err(e) => format!("{e:?}") });
}

fn main() {
    for line in std::io::stdin().lines() {
        let text = line.unwrap();
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
        show("ciborium", ciborium::from_reader::<Reading, _>(&bytes[..]));
        show("serde_cbor_2", serde_cbor_2::from_slice::<Reading>(&bytes));
        show("minicbor-serde", minicbor_serde::from_slice::<Reading>(&bytes));
        show("cbor4ii", cbor4ii::serde::from_slice::<Reading>(&bytes));
    }
    show("serde_json", serde_json::from_str::<Reading>("{\"temperature\":20}"));
}
RUST
cargo build --quiet
said=$(node send.mjs | ./target/debug/end)
echo "$said"
expected='ciborium: 20.5
serde_cbor_2: 20.5
minicbor-serde: 20.5
cbor4ii: 20.5
ciborium: Semantic(None, "invalid type: integer `20`, expected float")
serde_cbor_2: 20
minicbor-serde: DecodeError(Error { err: TypeMismatch(U8), pos: Some(15), msg: "expected f64" })
cbor4ii: Core(Mismatch { name: "f64", found: 20 })
serde_json: 20'
[ "$said" = "$expected" ]
