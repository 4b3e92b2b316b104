//! The Rust original as a contestant: `receiver <connections>` and `sender <port> <connections>`, told what to do by
//! lines on stdin as every other contestant is (`../harness/endpoint.mjs` holds the words of both). Ends with stdin.
//! Round trips are in `latency.rs`.
use std::{
    env,
    io::{self, BufRead},
    net::SocketAddr,
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use pea2pea::{
    Config, Connection, ConnectionSide, Node, Pea2Pea,
    protocols::{Handshake, Reading, Writing},
};
use tokio::runtime::Runtime;
use tokio_util::codec::LengthDelimitedCodec;

/// The byte that payloads are made of; a receiver looks at one of them.
const FILL: u8 = b'x';
/// Deep enough that producer and writer seldom wait for each other: of 64 to 4096 the fastest at 16 B.
const QUEUE_DEPTH: usize = 1024;

#[derive(Clone)]
struct Receiver {
    node: Node,
    size: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
}

impl Pea2Pea for Receiver {
    fn node(&self) -> &Node {
        &self.node
    }
}

impl Reading for Receiver {
    const MESSAGE_QUEUE_DEPTH: usize = QUEUE_DEPTH;
    const INITIAL_BUFFER_SIZE: usize = 256 * 1024;
    // A contestant waits while the others have their turn; without a timeout there is also no timer a message.
    const IDLE_TIMEOUT_MS: u64 = 0;
    type Message = BytesMut;
    type Codec = LengthDelimitedCodec;

    fn codec(&self, _: SocketAddr, _: ConnectionSide) -> Self::Codec {
        LengthDelimitedCodec::new()
    }

    async fn process_message(&self, _: SocketAddr, message: Self::Message) {
        let as_expected =
            message.len() == self.size.load(Ordering::Relaxed) && message.last() == Some(&FILL);
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        if !as_expected || left == 0 {
            eprintln!("a message of {} bytes was not expected", message.len());
            process::exit(1);
        }
        if left == 1 {
            println!("received");
        }
    }
}

#[derive(Clone)]
struct Sender {
    node: Node,
}

impl Pea2Pea for Sender {
    fn node(&self) -> &Node {
        &self.node
    }
}

impl Writing for Sender {
    const MESSAGE_QUEUE_DEPTH: usize = QUEUE_DEPTH;
    const INITIAL_BUFFER_SIZE: usize = 256 * 1024;
    type Message = Bytes;
    type Codec = LengthDelimitedCodec;

    fn codec(&self, _: SocketAddr, _: ConnectionSide) -> Self::Codec {
        LengthDelimitedCodec::new()
    }
}

/// Exchanges nothing: the place to set TCP_NODELAY, as the benchmarks of the original do.
macro_rules! no_delay {
    ($node:ty) => {
        impl Handshake for $node {
            async fn perform_handshake(
                &self,
                mut connection: Connection,
            ) -> io::Result<Connection> {
                self.borrow_stream(&mut connection).set_nodelay(true)?;
                Ok(connection)
            }
        }
    };
}

mod latency; // below the macro, which it uses

no_delay!(Receiver);
no_delay!(Sender);

impl Sender {
    async fn connected_to(address: SocketAddr) -> io::Result<Self> {
        let config = Config {
            listener_addr: None,
            ..Config::default()
        };
        let sender = Sender {
            node: Node::new(config),
        };
        sender.enable_handshake().await;
        sender.enable_writing().await;
        sender.node.connect(address).await?;
        Ok(sender)
    }

    /// As the throughput benchmark of the original: queues without feedback, and lets the last message of a full queue
    /// tell when it is empty. Half the queue at once, so that the writer has work while the producer waits.
    async fn send(&self, address: SocketAddr, payload: Bytes, messages: usize) -> io::Result<()> {
        let mut halfway = None;
        for number in 1..=messages {
            if number % (QUEUE_DEPTH / 2) != 0 && number != messages {
                self.unicast_fast(address, payload.clone())?;
                continue;
            }
            let flushed = self.unicast(address, payload.clone())?;
            if let Some(earlier) = halfway.replace(flushed) {
                earlier.await.map_err(io::Error::other)??;
            }
        }
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match arguments[..] {
        ["receiver", connections] => receive(&runtime, number(connections)),
        ["sender", port, connections] => send(&runtime, number(port), number(connections)),
        ["echo"] => latency::echo(&runtime),
        ["ask", port] => latency::ask(&runtime, number(port)),
        _ => Err(io::Error::other(
            "receiver <connections> | sender <port> <connections> | echo | ask <port>",
        )),
    }
}

fn receive(runtime: &Runtime, connections: usize) -> io::Result<()> {
    let limit = connections as u16;
    let config = Config {
        listener_addr: Some(([127, 0, 0, 1], 0).into()),
        max_connections: limit,
        max_connections_per_ip: limit,
        max_connecting: limit,
        ..Config::default()
    };
    // `Node::new` and what follows need the runtime around them.
    let receiver = runtime.block_on(async {
        let receiver = Receiver {
            node: Node::new(config),
            size: Arc::default(),
            left: Arc::default(),
        };
        receiver.enable_handshake().await;
        receiver.enable_reading().await;
        let address = receiver.node.toggle_listener().await?;
        println!("listening {}", address.expect("it was switched on").port());
        io::Result::Ok(receiver)
    })?;
    for line in io::stdin().lock().lines() {
        let [size, messages] = command(&line?, "expect");
        receiver.size.store(size, Ordering::Relaxed);
        receiver.left.store(messages, Ordering::SeqCst);
        println!("expecting");
    }
    Ok(())
}

fn send(runtime: &Runtime, port: usize, connections: usize) -> io::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port as u16));
    let senders = runtime.block_on(async {
        let mut senders = Vec::with_capacity(connections);
        for _ in 0..connections {
            senders.push(Sender::connected_to(address).await?);
        }
        io::Result::Ok(senders)
    })?;
    println!("connected");
    for line in io::stdin().lock().lines() {
        let [size, messages] = command(&line?, "send");
        let payload = Bytes::from(vec![FILL; size]);
        runtime.block_on(async {
            let mut tasks = Vec::with_capacity(senders.len());
            for sender in &senders {
                let (sender, payload) = (sender.clone(), payload.clone());
                tasks.push(tokio::spawn(async move {
                    sender.send(address, payload, messages).await
                }));
            }
            for task in tasks {
                task.await.map_err(io::Error::other)??;
            }
            io::Result::Ok(())
        })?;
        println!("sent");
    }
    Ok(())
}

/// The two numbers behind the word of a line.
fn command(line: &str, word: &str) -> [usize; 2] {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        [first, size, messages] if first == word => [number(size), number(messages)],
        _ => panic!("`{word} <bytes> <messages>` was expected, not `{line}`"),
    }
}

fn number(text: &str) -> usize {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is no number"))
}
