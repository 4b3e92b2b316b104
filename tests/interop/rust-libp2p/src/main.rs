//! A rust-libp2p node with TCP, Noise and yamux on the loopback, for tests/interop/libp2p-hosts, where the commands are:
//! see host-end.ts.
mod swarm;

use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, multiaddr::Protocol};
use libp2p_stream::Control;
use lines::{Value, json, say};
use sha2::{Digest, Sha256};
use swarm::Node;

const TIMEOUT: Duration = Duration::from_secs(30);

type Done = Result<Value, String>;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(Node::start());
    runtime.block_on(async {
        serve(node.control.clone(), "/echo/1.0.0", |stream| async move {
            let (read, mut write) = stream.split();
            if futures::io::copy(read, &mut write).await.is_ok() {
                let _ = write.close().await;
            }
        });
        // Reads to the end, and says what it read.
        serve(node.control.clone(), "/report/1.0.0", |mut stream| async move {
            say("report", read(&mut stream).await);
            let _ = stream.close().await;
        });
        // Reads one byte, and drops the stream, which resets it.
        serve(node.control.clone(), "/reset/1.0.0", |mut stream| async move {
            let _ = stream.read_exact(&mut [0]).await;
        });
    });
    let handle = runtime.handle().clone();
    lines::serve(move |command, arguments| {
        let _context = handle.enter(); // a timer wants one
        let work = tokio::time::timeout(TIMEOUT, run(&node, command, arguments));
        handle.block_on(work).unwrap_or_else(|_| Err("it took too long".into()))
    });
    std::process::exit(0);
}

fn serve<F>(mut control: Control, protocol: &'static str, handler: impl Fn(Stream) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut incoming = control.accept(StreamProtocol::new(protocol)).expect("nobody else accepts it");
    tokio::spawn(async move {
        while let Some((_, stream)) = futures::StreamExt::next(&mut incoming).await {
            tokio::spawn(handler(stream));
        }
    });
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Value {
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 65_536]);
    let how = loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break "end".to_string(),
            Ok(count) => {
                hash.update(&buffer[..count]);
                length += count;
            }
            Err(error) => break error.to_string(),
        }
    };
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "length": length, "digest": digest, "how": how })
}

fn target(arguments: &Value) -> Result<(Multiaddr, PeerId), String> {
    let address: Multiaddr = arguments["address"].as_str().ok_or("which address?")?.parse().map_err(words)?;
    let peer = address.iter().find_map(|part| match part {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    });
    Ok((address, peer.ok_or("the address names no peer")?))
}

async fn run(node: &Node, command: &str, arguments: &Value) -> Done {
    match command {
        "where" => {
            let address = node.address().await.with(Protocol::P2p(node.id));
            Ok(json!({ "peerId": node.id.to_string(), "address": address.to_string() }))
        }
        "hangUp" => node.hang_up().await.map(|()| Value::Null),
        _ => {
            let (address, peer) = target(arguments)?;
            node.dial(address, peer).await?;
            match command {
                "dial" => Ok(json!({ "peerId": peer.to_string() })),
                "ping" => Ok(json!({ "ms": node.pinged(peer).await.as_secs_f64() * 1000.0 })),
                "identify" => {
                    let info = node.identified(peer).await;
                    let protocols: Vec<String> = info.protocols.iter().map(|one| one.to_string()).collect();
                    Ok(json!({ "agentVersion": info.agent_version, "protocols": protocols }))
                }
                "exchange" => exchange(node, peer, arguments).await,
                _ => Err(format!("there is no command {command}")),
            }
        }
    }
}

/// Opens a stream, writes, ends it, and reads to the end meanwhile.
async fn exchange(node: &Node, peer: PeerId, arguments: &Value) -> Done {
    let protocol = arguments["protocol"].as_str().ok_or("which protocol?")?.to_string();
    let protocol = StreamProtocol::try_from_owned(protocol).map_err(words)?;
    let (seed, size) = (arguments["seed"].as_u64().unwrap_or(0), arguments["size"].as_u64().unwrap_or(0));
    let stream = node.control.clone().open_stream(peer, protocol).await.map_err(words)?;
    let (mut reads, mut writes) = stream.split();
    let bytes: Vec<u8> = (0..size).map(|index| ((seed + index) % 251) as u8).collect();
    let write = async {
        let _ = writes.write_all(&bytes).await;
        let _ = writes.close().await;
    };
    Ok(futures::join!(write, read(&mut reads)).1)
}
