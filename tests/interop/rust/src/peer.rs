//! A node of the original that prints what happens to it.
use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use pea2pea::{
    Config, Connection, ConnectionSide, DisconnectOrigin, Node, Pea2Pea,
    protocols::{Handshake, OnConnect, OnDisconnect, Reading, Writing},
};

use crate::{
    frames::Frames,
    noise::{self, Channel, Identity},
};

/// What is sent to a peer that is left.
const LAST_WORDS: &[u8] = b"last words of the original";

#[derive(Clone)]
pub struct Peer {
    node: Node,
    shared: Arc<Shared>,
}

struct Shared {
    identity: Identity,
    psk: Option<[u8; 32]>,
    /// What is sent to everybody who connects.
    sizes: Vec<usize>,
    channels: Mutex<HashMap<SocketAddr, Arc<Channel>>>,
}

impl Pea2Pea for Peer {
    fn node(&self) -> &Node {
        &self.node
    }
}

impl Peer {
    pub async fn new(listens: bool, psk: Option<[u8; 32]>, sizes: Vec<usize>) -> Self {
        let config = Config {
            listener_addr: listens.then_some((Ipv4Addr::LOCALHOST, 0).into()),
            max_connections_per_ip: 16,
            ..Config::default()
        };
        let shared = Shared {
            identity: Identity::generate(),
            psk,
            sizes,
            channels: Mutex::default(),
        };
        println!(
            r#"{{"event":"identity","key":"{}"}}"#,
            hex(&shared.identity.public)
        );
        let peer = Self {
            node: Node::new(config),
            shared: Arc::new(shared),
        };
        peer.enable_handshake().await;
        peer.enable_reading().await;
        peer.enable_writing().await;
        peer.enable_on_connect().await;
        peer.enable_on_disconnect().await;
        peer
    }

    pub async fn listen(&self) -> io::Result<()> {
        let address = self.node.toggle_listener().await?;
        let port = address.expect("it was switched on").port();
        println!(r#"{{"event":"listening","port":{port}}}"#);
        Ok(())
    }

    pub async fn dial(&self, address: SocketAddr) {
        if let Err(error) = self.node.connect(address).await {
            println!(r#"{{"event":"not connected","kind":"{}"}}"#, error.kind());
        }
    }

    pub async fn leave(&self) {
        for address in self.node.connected_addrs() {
            self.node.disconnect(address).await;
        }
    }

    pub async fn shut_down(&self) {
        self.node.shut_down().await;
    }

    fn channel(&self, address: SocketAddr) -> Option<Arc<Channel>> {
        let channels = self.shared.channels.lock().expect("nobody panics with it");
        channels.get(&address).cloned()
    }

    /// Resolves when the message was handed to the system.
    async fn send(&self, address: SocketAddr, message: Bytes) -> io::Result<()> {
        let sent = self.unicast(address, message)?;
        sent.await.map_err(io::Error::other)?
    }
}

impl Handshake for Peer {
    async fn perform_handshake(&self, mut connection: Connection) -> io::Result<Connection> {
        let Some(psk) = &self.shared.psk else {
            return Ok(connection);
        };
        let (address, own_side) = (connection.addr(), !connection.side());
        let stream = self.borrow_stream(&mut connection);
        match noise::shake_hands(stream, own_side, &self.shared.identity, psk).await {
            Ok(channel) => {
                let mut channels = self.shared.channels.lock().expect("nobody panics with it");
                channels.insert(address, Arc::new(channel));
                Ok(connection)
            }
            Err(error) => {
                println!(r#"{{"event":"refused","kind":"{}"}}"#, error.kind());
                Err(error)
            }
        }
    }
}

impl Reading for Peer {
    type Message = BytesMut;
    type Codec = Frames;

    fn codec(&self, address: SocketAddr, _: ConnectionSide) -> Frames {
        Frames::new(self.channel(address))
    }

    async fn process_message(&self, source: SocketAddr, message: BytesMut) {
        println!(
            r#"{{"event":"message","length":{},"checksum":{}}}"#,
            message.len(),
            checksum(&message)
        );
        if self.shared.sizes.is_empty() {
            // A peer that has left meanwhile gets no answer.
            let _ = self.send(source, message.freeze()).await;
        }
    }
}

impl Writing for Peer {
    type Message = Bytes;
    type Codec = Frames;

    fn codec(&self, address: SocketAddr, _: ConnectionSide) -> Frames {
        Frames::new(self.channel(address))
    }
}

impl OnConnect for Peer {
    async fn on_connect(&self, address: SocketAddr) {
        let info = self.node.connection_info(address);
        let dialled = info.is_some_and(|info| info.side() == ConnectionSide::Responder);
        let remote = self.channel(address).map(|channel| hex(&channel.remote));
        println!(
            r#"{{"event":"connected","dialled":{dialled},"remote":"{}"}}"#,
            remote.unwrap_or_default()
        );
        for (index, &size) in self.shared.sizes.iter().enumerate() {
            if let Err(error) = self.send(address, counted(index, size)).await {
                println!(r#"{{"event":"not sent","kind":"{}"}}"#, error.kind());
                return;
            }
        }
    }
}

impl OnDisconnect for Peer {
    async fn on_disconnect(&self, address: SocketAddr, origin: DisconnectOrigin) {
        if origin == DisconnectOrigin::User {
            let _ = self.send(address, Bytes::from_static(LAST_WORDS)).await;
        }
        self.shared
            .channels
            .lock()
            .expect("nobody panics with it")
            .remove(&address);
        println!(r#"{{"event":"disconnected","origin":"{origin:?}"}}"#);
    }
}

/// The message number `index`: bytes that count on from it, so that nothing can be swapped or cut unseen.
fn counted(index: usize, size: usize) -> Bytes {
    (index..index + size)
        .map(|value| (value % 251) as u8)
        .collect()
}

/// CRC-32 (ISO 3309), as `zlib.crc32` has it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |rest, &byte| {
        (0..8).fold(rest ^ u32::from(byte), |rest, _| {
            (rest >> 1) ^ (0xEDB8_8320 & (rest & 1).wrapping_neg())
        })
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
