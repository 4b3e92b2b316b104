//! `Noise_XXpsk3_25519_ChaChaPoly_SHA256` by `snow`. Every Noise message, of the handshake and after it, has its length
//! in front, in two bytes, big endian.
use std::io;

use pea2pea::ConnectionSide;
use snow::{Builder, HandshakeState, StatelessTransportState};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const SUITE: &str = "Noise_XXpsk3_25519_ChaChaPoly_SHA256";
pub const LENGTH_BYTES: usize = 2;
/// The Noise Protocol Framework, section 3: no message is longer.
const MAX_MESSAGE: usize = 65535;
const TAG: usize = 16;
/// What one message can carry.
pub const MAX_PLAINTEXT: usize = MAX_MESSAGE - TAG;

/// The static key pair of this program.
pub struct Identity {
    private: Vec<u8>,
    pub public: Vec<u8>,
}

impl Identity {
    pub fn generate() -> Self {
        let pair = builder()
            .generate_keypair()
            .expect("there is a source of randomness");
        Self {
            private: pair.private,
            public: pair.public,
        }
    }
}

/// What a handshake leaves: both directions, each with nonces of its own, so that reader and writer can share it.
pub struct Channel {
    state: StatelessTransportState,
    /// The static key of the other side.
    pub remote: Vec<u8>,
}

impl Channel {
    pub fn encrypt(&self, nonce: u64, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut message = vec![0; plain.len() + TAG];
        let length = self
            .state
            .write_message(nonce, plain, &mut message)
            .map_err(invalid)?;
        message.truncate(length);
        Ok(message)
    }

    pub fn decrypt(&self, nonce: u64, message: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = vec![0; message.len()];
        let length = self
            .state
            .read_message(nonce, message, &mut plain)
            .map_err(invalid)?;
        plain.truncate(length);
        Ok(plain)
    }
}

/// The handshake as the given side. It reads no byte more than its own.
pub async fn shake_hands(
    stream: &mut TcpStream,
    side: ConnectionSide,
    identity: &Identity,
    psk: &[u8; 32],
) -> io::Result<Channel> {
    let builder = builder()
        .local_private_key(&identity.private)
        .and_then(|builder| builder.psk(3, psk))
        .map_err(invalid)?;
    let mut state = match side {
        ConnectionSide::Initiator => builder.build_initiator(),
        ConnectionSide::Responder => builder.build_responder(),
    }
    .map_err(invalid)?;
    while !state.is_handshake_finished() {
        if state.is_my_turn() {
            send(&mut state, stream).await?;
        } else {
            receive(&mut state, stream).await?;
        }
    }
    let remote = state
        .get_remote_static()
        .expect("the pattern sends it")
        .to_vec();
    let state = state.into_stateless_transport_mode().map_err(invalid)?;
    Ok(Channel { state, remote })
}

async fn send(state: &mut HandshakeState, stream: &mut TcpStream) -> io::Result<()> {
    let mut frame = vec![0; LENGTH_BYTES + MAX_MESSAGE];
    let length = state
        .write_message(&[], &mut frame[LENGTH_BYTES..])
        .map_err(invalid)?;
    frame[..LENGTH_BYTES].copy_from_slice(&(length as u16).to_be_bytes());
    stream.write_all(&frame[..LENGTH_BYTES + length]).await
}

async fn receive(state: &mut HandshakeState, stream: &mut TcpStream) -> io::Result<()> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    state
        .read_message(&message, &mut vec![0; MAX_MESSAGE])
        .map_err(invalid)?;
    Ok(())
}

fn builder() -> Builder<'static> {
    Builder::new(SUITE.parse().expect("snow knows the suite"))
}

fn invalid(error: snow::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("noise: {error}"))
}
